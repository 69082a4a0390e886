//! How a session's pages look: what the vendor's page asked for, validated to colours, a radius, a font of a list and a mode.
//! Nothing else of what comes in reaches a style sheet.

mod colour;

use std::fmt::Write;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Deserialize;

use crate::failure::Failure;
use crate::frame::Frame;
use crate::icon;
use crate::language::Language;
use crate::state::PortalState;
use crate::visit::Visit;

pub(crate) use colour::Colour;

/// The largest radius, in pixels.
const RADIUS_MAX: u8 = 24;
/// What text on a surface is measured against when no surface was asked for: the style sheet's own.
const LIGHT_SURFACE: Colour = Colour(0xff, 0xff, 0xff);
const DARK_SURFACE: Colour = Colour(0x1b, 0x1d, 0x22);

/// Light, dark, or as the visitor's system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    #[default]
    Auto,
    Light,
    Dark,
}

/// A font of the list: what is on the visitor's machine, since the pages load none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Font {
    System,
    Inter,
    Helvetica,
    Rounded,
    Serif,
    Mono,
}

const MODES: [(&str, Mode); 3] = [("auto", Mode::Auto), ("light", Mode::Light), ("dark", Mode::Dark)];
const FONTS: [(&str, Font, &str); 6] = [
    ("system", Font::System, "system-ui, sans-serif"),
    ("inter", Font::Inter, "Inter, system-ui, sans-serif"),
    ("helvetica", Font::Helvetica, "\"Helvetica Neue\", Helvetica, Arial, sans-serif"),
    ("rounded", Font::Rounded, "ui-rounded, \"SF Pro Rounded\", Nunito, system-ui, sans-serif"),
    ("serif", Font::Serif, "ui-serif, Georgia, Cambria, serif"),
    ("mono", Font::Mono, "ui-monospace, \"SF Mono\", Menlo, Consolas, monospace"),
];

/// What a vendor's page may ask for. All may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Theme {
    #[serde(default)]
    pub(crate) mode: Mode,
    pub(crate) accent: Option<Colour>,
    pub(crate) background: Option<Colour>,
    pub(crate) surface: Option<Colour>,
    pub(crate) text: Option<Colour>,
    pub(crate) radius: Option<u8>,
    pub(crate) font: Option<Font>,
}

/// A theme and a language, as the session's cookie keeps them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) theme: Theme,
    pub(crate) language: Option<Language>,
}

impl Theme {
    /// The same within its bounds.
    fn bounded(mut self) -> Self {
        self.radius = self.radius.map(|radius| radius.min(RADIUS_MAX));
        self
    }

    /// What the page's root element says for the style sheet.
    pub(crate) fn mode_name(&self) -> &'static str {
        MODES.iter().find(|(_, mode)| *mode == self.mode).map_or("auto", |(name, _)| name)
    }

    /// The custom properties that the style sheet reads.
    fn properties(&self) -> String {
        // Written twice, so that it outdoes the style sheet's own rules for the dark mode.
        let mut text = String::from(":root:root{");
        let mut colour = |name: &str, colour: Option<Colour>| {
            if let Some(colour) = colour {
                let _ = write!(text, "--{name}:{colour};");
            }
        };
        colour("background", self.background);
        colour("surface", self.surface);
        colour("text", self.text);
        colour("accent", self.accent);
        colour("on-accent", self.accent.map(Colour::readable_on));
        if let Some(radius) = self.radius {
            let _ = write!(text, "--radius:{radius}px;");
        }
        if let Some((_, _, family)) = FONTS.iter().find(|(_, font, _)| Some(*font) == self.font) {
            let _ = write!(text, "--font:{family};");
        }
        text.push('}');
        self.link_colours(&mut text);
        text
    }

    /// Text in the accent's colour, where that can be read; elsewhere links stay in the colour of text.
    fn link_colours(&self, text: &mut String) {
        let Some(accent) = self.accent else { return };
        let rules = |link: &str| format!("{{--link:{link}}}");
        let link = |surface: Colour| match accent.contrast(self.surface.unwrap_or(surface)) >= colour::READABLE {
            true => accent.to_string(),
            false => "var(--text)".to_owned(),
        };
        let (light, dark) = (rules(&link(LIGHT_SURFACE)), rules(&link(DARK_SURFACE)));
        let _ = write!(text, ":root{light}:root[data-mode=dark]{dark}");
        let _ = write!(text, "@media(prefers-color-scheme:dark){{:root[data-mode=auto]{dark}}}");
    }
}

impl Look {
    /// The look as a cookie keeps it.
    pub(crate) fn text(&self) -> String {
        let theme = &self.theme;
        let mut parts = vec![format!("mode={}", theme.mode_name())];
        let colours = [
            ("accent", theme.accent),
            ("background", theme.background),
            ("surface", theme.surface),
            ("text", theme.text),
        ];
        parts.extend(colours.into_iter().filter_map(|(name, colour)| Some(format!("{name}={}", colour?.hex()))));
        parts.extend(theme.radius.map(|radius| format!("radius={}", radius.min(RADIUS_MAX))));
        let font = FONTS.iter().find(|(_, font, _)| Some(*font) == theme.font);
        parts.extend(font.map(|(name, _, _)| format!("font={name}")));
        parts.extend(self.language.map(|language| format!("lang={}", language.tag())));
        parts.join("&")
    }

    /// Reads what [`Self::text`] writes. Whatever is not of that form is left out: a cookie is the browser's to change.
    pub(crate) fn parse(text: &str) -> Self {
        let mut look = Look::default();
        for (name, value) in text.split('&').filter_map(|part| part.split_once('=')) {
            let colour = || Colour::parse(&format!("#{value}"));
            match name {
                "mode" => {
                    look.theme.mode =
                        MODES.iter().find(|(known, _)| *known == value).map_or(Mode::Auto, |known| known.1)
                }
                "accent" => look.theme.accent = colour(),
                "background" => look.theme.background = colour(),
                "surface" => look.theme.surface = colour(),
                "text" => look.theme.text = colour(),
                "radius" => look.theme.radius = value.parse().ok(),
                "font" => look.theme.font = FONTS.iter().find(|(known, _, _)| *known == value).map(|known| known.1),
                "lang" => look.language = Language::parse(value),
                _ => {}
            }
        }
        look.theme = look.theme.bounded();
        look
    }
}

/// `GET /portal/{session}/theme.css`: the session's colours, and where the icons of the installed types are. The colours are
/// the browser's own cookie's, so that also the page which says that the session has ended has them.
pub(crate) async fn stylesheet(
    State(state): State<PortalState>,
    frame: Option<Extension<Frame>>,
    headers: HeaderMap,
    visit: Result<Visit, Failure>,
) -> Result<impl IntoResponse, Failure> {
    let Extension(frame) = frame.ok_or(Failure::NotFound)?;
    let mut text = frame.look(&headers).theme.properties();
    if let Ok(visit) = visit {
        text += &icon::rules(&visit.base(), &state.control.destination_types(&visit.caller)?);
    }
    Ok(([(CONTENT_TYPE, "text/css; charset=utf-8")], text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_read_as_it_was_written_and_nothing_else_of_a_cookie_is() {
        let look = Look {
            theme: Theme {
                mode: Mode::Dark,
                accent: Colour::parse("#0a7c5a"),
                radius: Some(4),
                font: Some(Font::Serif),
                ..Theme::default()
            },
            language: Some(Language::German),
        };

        assert_eq!(Look::parse(&look.text()), look);
        for evil in
            ["accent=red;}body{display:none", "font=x", "mode=\"", "radius=99", "background=url(http://a)", "&&=", ""]
        {
            let css = Look::parse(evil).theme.properties();
            assert!(!css.contains("display") && !css.contains("url") && !css.contains("99"), "{css}");
        }
    }

    #[test]
    fn links_take_the_accent_only_where_it_can_be_read() {
        let theme = Theme { accent: Colour::parse("#ffe24a"), ..Theme::default() };

        let css = theme.properties();

        assert!(css.contains("--on-accent:#000000"), "{css}");
        assert!(css.contains(":root{--link:var(--text)}:root[data-mode=dark]{--link:#ffe24a}"), "{css}");
    }
}
