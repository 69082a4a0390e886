//! What the customer has to do on their side: the type's own text, with their values in it.
//!
//! The text is its author's. It becomes headings, paragraphs, lists, tables, code and links to `https`, and nothing else:
//! HTML in it is shown as text.

use freehold_control::DestinationType;
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, TextMergeStream};
use serde_json::Value;

use crate::texts::Texts;

/// The guide of a type, behind a lid; nothing when it has none.
pub(crate) fn guide(known: &DestinationType, config: &Value, is_open: bool, texts: &Texts) -> Markup {
    html! {
        @if let Some(setup) = &known.manifest().setup {
            details.part open[is_open] {
                summary { (texts.add.setup) }
                div.guide { (PreEscaped(rendered(setup, &known.manifest().config, config))) }
            }
        }
    }
}

/// The text as HTML, in which `{{name}}` became the field `name` of the config. What the schema has no field for stays as it is:
/// it is part of what the text tells.
fn rendered(setup: &str, schema: &Value, config: &Value) -> String {
    let values = Values { schema, config };
    let parser = Parser::new_ext(setup, Options::ENABLE_TABLES);
    let mut links = 0_usize;
    let mut is_title = false;
    let events = TextMergeStream::new(parser).filter_map(|event| {
        // What stands above the first section is the type's name, which the page has already.
        match &event {
            Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }) => is_title = true,
            Event::End(TagEnd::Heading(HeadingLevel::H1)) => {
                is_title = false;
                return None;
            }
            _ => {}
        }
        if is_title { None } else { harmless(event, values, &mut links) }
    });
    let mut text = String::new();
    pulldown_cmark::html::push_html(&mut text, events);
    // In a frame, following a link must not take the portal's place. No text can hold this: `<` is escaped in all of it.
    text.replace("<a href=\"", "<a target=\"_blank\" rel=\"noopener noreferrer\" href=\"")
}

/// An event as it may reach the page. `links` counts links that were left out and have not ended yet.
fn harmless<'a>(event: Event<'a>, values: Values<'_>, links: &mut usize) -> Option<Event<'a>> {
    Some(match event {
        Event::Text(text) => Event::Text(values.filled(&text).into()),
        Event::Code(text) => Event::Code(values.filled(&text).into()),
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Heading { level, .. }) => {
            Event::Start(Tag::Heading { level: lower(level), id: None, classes: Vec::new(), attrs: Vec::new() })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level))),
        Event::Start(Tag::Link { ref dest_url, .. }) if !is_public(dest_url) => {
            *links += 1;
            return None;
        }
        Event::End(TagEnd::Link) if *links > 0 => {
            *links -= 1;
            return None;
        }
        Event::Start(Tag::Image { .. } | Tag::HtmlBlock) | Event::End(TagEnd::Image | TagEnd::HtmlBlock) => {
            return None;
        }
        other => other,
    })
}

fn is_public(address: &CowStr<'_>) -> bool {
    address.starts_with("https://")
}

/// The page has its own title; a guide's headings come below it.
fn lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 | HeadingLevel::H2 => HeadingLevel::H3,
        _ => HeadingLevel::H4,
    }
}

/// What the customer entered, and what there is to be entered.
#[derive(Clone, Copy)]
struct Values<'a> {
    schema: &'a Value,
    config: &'a Value,
}

impl Values<'_> {
    /// `{{name}}` as what the customer entered; as `YOUR-NAME` as long as they did not.
    fn filled(self, text: &str) -> String {
        let mut parts = text.split("{{");
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let known = part.split_once("}}").and_then(|(name, rest)| Some((self.value(name)?, rest)));
            match known {
                Some((value, rest)) => filled.extend([value.as_str(), rest]),
                None => filled.extend(["{{", part]),
            }
        }
        filled
    }

    fn value(self, name: &str) -> Option<String> {
        self.schema.get("properties")?.get(name)?;
        Some(match self.config.get(name) {
            Some(Value::String(value)) => value.clone(),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            _ => format!("YOUR-{}", name.to_ascii_uppercase().replace('_', "-")),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_customer_entered_stands_in_the_text() {
        let setup = "# S3\n\nUse `{{bucket}}` in {{access_region}}.\n\n```json\n\"arn:aws:s3:::{{bucket}}/*\"\n```\n";

        let schema = json!({ "properties": { "bucket": {}, "access_region": {} } });
        let html = rendered(setup, &schema, &json!({ "bucket": "my_events_<b>" }));

        assert!(!html.contains("<h1>") && !html.contains("S3"), "{html}");
        assert!(html.contains("<code>my_events_&lt;b&gt;</code> in YOUR-ACCESS-REGION"), "{html}");
        assert!(html.contains("arn:aws:s3:::my_events_&lt;b&gt;/*"), "{html}");
    }

    #[test]
    fn nothing_of_an_author_runs_or_leads_astray() {
        let setup = "<script>alert(1)</script>\n\n[a](javascript:alert(1)) ![b](https://x.example/p.png) <img src=x onerror=y>\n\n\
                     [c](https://docs.example/)\n";

        let html = rendered(setup, &json!({}), &json!({}));

        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("javascript:\""), "{html}");
        assert!(
            html.contains("<a target=\"_blank\" rel=\"noopener noreferrer\" href=\"https://docs.example/\">c</a>"),
            "{html}"
        );
        assert!(!html.contains("href=\"javascript"), "{html}");
    }

    #[test]
    fn braces_that_name_no_field_stay() {
        let (schema, config) = (json!({ "properties": { "port": {} } }), json!({ "port": 80, "id": "x" }));
        let values = Values { schema: &schema, config: &config };

        assert_eq!(values.filled("{{}} {{id}} {{data.port}} {{x"), "{{}} {{id}} {{data.port}} {{x");
        assert_eq!(values.filled("{{port}}"), "80");
    }
}
