//! Draws the fields of a form. Every field has its label, its help and its problem beside it, tied to it by id.

use maud::{Markup, html};
use serde_json::Value;

use super::problems::Wrong;
use super::read::{NAME, ON, PRESENT, VALUE};
use super::schema::{Field, Kind};
use crate::icon;
use crate::texts::{Texts, fill};

/// Empty entries that a map offers beyond those it has.
const SPARE_ENTRIES: usize = 2;

/// What a form shows: its values, what is wrong with them, in which language.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    /// The object whose members the fields are.
    pub(crate) values: &'a Value,
    pub(crate) wrong: &'a [Wrong],
    pub(crate) texts: &'a Texts,
}

impl Shown<'_> {
    fn wrong(&self, path: &str) -> Option<&Wrong> {
        self.wrong.iter().find(|wrong| wrong.path == path)
    }

    fn is_touched(&self, field: &Field) -> bool {
        let is_set = self.values.get(&field.name).is_some_and(|value| field.default.as_ref() != Some(value));
        let is_within = |wrong: &Wrong| wrong.path == field.path || wrong.path.starts_with(&format!("{}.", field.path));
        is_set || self.wrong.iter().any(is_within)
    }
}

/// All of `fields`: those that are needed first, the rest behind one lid, which is open when something below it is set.
pub(crate) fn fields(fields: &[Field], shown: Shown<'_>) -> Markup {
    let decides =
        |field: &Field| fields.iter().any(|other| other.when.as_ref().is_some_and(|when| when.path == field.path));
    let (first, rest): (Vec<&Field>, Vec<&Field>) =
        fields.iter().partition(|field| comes_first(field) || decides(field));
    // Where nothing is needed by itself, people must look at all of it.
    let (mut first, rest) = if first.is_empty() { (rest, first) } else { (first, rest) };
    // What an answer asks for comes after the question.
    first.sort_by_key(|field| field.when.is_some());
    let is_open = rest.iter().any(|field| shown.is_touched(field));
    html! {
        @for field in first { (self::field(field, shown)) }
        @if !rest.is_empty() {
            details.part open[is_open] {
                summary { (shown.texts.add.more) }
                @for field in rest { (self::field(field, shown)) }
            }
        }
    }
}

/// Whether people must look at it before they save: it is needed, or another answer makes it needed.
fn comes_first(field: &Field) -> bool {
    (field.required && field.default.is_none()) || field.when.is_some()
}

/// One field with everything around it.
pub(crate) fn field(field: &Field, shown: Shown<'_>) -> Markup {
    let id = id(&field.path);
    let wrong = shown.wrong(&field.path);
    let is_group = matches!(field.kind, Kind::Group(_) | Kind::Choices(_));
    let describes = html! {
        @if let Some(when) = &field.when {
            p.help.only-when { (fill(shown.texts.add.only_when, &[&when.title, &when.values.join(", ")])) }
        }
        @if let Some(help) = &field.help { p.help id={ (id) "-help" } { (help) } }
        @if let Some(wrong) = wrong { span.wrong id={ (id) "-wrong" } { (wrong.message) } }
    };
    let condition = field.when.as_ref().map(|when| (when.path.as_str(), when.values.join("\n")));
    html! {
        div.field data-when=[condition.as_ref().map(|(path, _)| path)] data-is=[condition.as_ref().map(|(_, values)| values)] {
            @if is_group {
                fieldset id=(id) {
                    legend.label { (field.title) (optional(field, shown.texts)) }
                    (describes)
                    (control(field, &id, shown))
                }
            } @else if field.kind == Kind::Boolean {
                label.choice for=(id) { (control(field, &id, shown)) span { (field.title) } }
                (describes)
            } @else {
                label for=(id) { (field.title) (optional(field, shown.texts)) }
                (control(field, &id, shown))
                (describes)
            }
        }
    }
}

fn optional(field: &Field, texts: &Texts) -> Markup {
    // What has a default is answered already.
    let may_be_empty = !field.required && field.when.is_none() && field.default.is_none();
    html! { @if may_be_empty || field.generated { " " span.optional { (texts.add.optional) } } }
}

fn id(path: &str) -> String {
    format!("f-{}", path.replace('.', "-"))
}

/// What the value of a field is entered with.
fn control(field: &Field, id: &str, shown: Shown<'_>) -> Markup {
    let value = shown.values.get(&field.name).or(field.default.as_ref());
    let text = value.map(as_text).unwrap_or_default();
    let text = if field.secret { String::new() } else { text };
    let wrong = shown.wrong(&field.path).is_some();
    let described = described(field, id, wrong);
    let invalid = wrong.then_some("true");
    let needed = field.insisted;
    let hint = field.example.as_ref().map(as_text);
    match &field.kind {
        Kind::Text { long: true, .. } => html! {
            div.drop data-drop {
                textarea.secret[field.secret] #(id) name=(field.path) rows="5" spellcheck="false" autocomplete="off" required[needed]
                    aria-describedby=[described] aria-invalid=[invalid] { (text) }
                @if field.secret { p.help.drop-help hidden { (shown.texts.add.drop) } }
            }
        },
        Kind::Text { url, max, .. } => {
            let kind = if field.secret {
                "password"
            } else if *url {
                "url"
            } else {
                "text"
            };
            let complete = if field.secret { "new-password" } else { "off" };
            html! {
                input type=(kind) #(id) name=(field.path) value=(text) maxlength=[max] required[needed] spellcheck="false"
                    autocapitalize="off" autocomplete=(complete) placeholder=[hint.filter(|hint| hint.len() < 80)]
                    aria-describedby=[described] aria-invalid=[invalid];
            }
        }
        Kind::Number { whole, min, max } => html! {
            input type="number" #(id) name=(field.path) value=(text) min=[min] max=[max] step=(if *whole { "1" } else { "any" })
                required[needed] aria-describedby=[described] aria-invalid=[invalid];
        },
        Kind::Boolean => html! {
            input type="hidden" name={ (field.path) (PRESENT) } value="1";
            input type="checkbox" #(id) name=(field.path) value=(ON) checked[value == Some(&Value::Bool(true))]
                aria-describedby=[described] aria-invalid=[invalid];
        },
        Kind::Choice(choices) => html! {
            select #(id) name=(field.path) required[needed] aria-describedby=[described] aria-invalid=[invalid] {
                @if field.default.is_none() { option value="" { (shown.texts.add.choose) } }
                @for (known, label) in choices { option value=(known) selected[*known == text] { (label) } }
            }
        },
        Kind::Choices(choices) => html! {
            @for (known, label) in choices {
                @let is_on = value.and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| one == known.as_str()));
                label.choice { input type="checkbox" name=(field.path) value=(known) checked[is_on]; span { (label) } }
            }
        },
        Kind::Texts => html! {
            textarea #(id) name=(field.path) rows="3" spellcheck="false" required[needed] aria-describedby=[described]
                aria-invalid=[invalid] placeholder=[hint] { (text) }
            p.help { (shown.texts.add.one_per_line) }
        },
        Kind::Map => map(field, id, value, shown.texts),
        Kind::Group(inner) => {
            let none = Value::Null;
            let values = shown.values.get(&field.name).unwrap_or(&none);
            html! { (fields(inner, Shown { values, ..shown })) }
        }
        Kind::Json => html! {
            textarea #(id) name=(field.path) rows="4" spellcheck="false" required[needed] aria-describedby=[described]
                aria-invalid=[invalid] placeholder=[hint] { (text) }
            p.help { (shown.texts.add.as_json) }
        },
    }
}

fn described(field: &Field, id: &str, wrong: bool) -> Option<String> {
    let help = field.help.as_ref().map(|_| format!("{id}-help"));
    let wrong = wrong.then(|| format!("{id}-wrong"));
    let all: Vec<String> = wrong.into_iter().chain(help).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

/// Names with a text each, and room for more.
fn map(field: &Field, id: &str, value: Option<&Value>, texts: &Texts) -> Markup {
    let entries =
        value.and_then(Value::as_object).into_iter().flatten().map(|(name, value)| (name.clone(), as_text(value)));
    let spare = std::iter::repeat_n((String::new(), String::new()), SPARE_ENTRIES);
    html! {
        div.pairs data-pairs {
            @for (place, (name, value)) in entries.chain(spare).enumerate() {
                input type="text" id=[(place == 0).then_some(id)] name={ (field.path) (NAME) } value=(name) spellcheck="false"
                    autocomplete="off" aria-label=(fill(texts.add.entry_name, &[&field.title])) placeholder=(texts.add.name);
                input type="text" name={ (field.path) (VALUE) } value=(value) spellcheck="false" autocomplete="off"
                    aria-label=(fill(texts.add.entry_value, &[&field.title])) placeholder=(texts.add.value);
            }
        }
    }
}

/// A value as it is entered: a list line by line.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(all) if all.iter().all(Value::is_string) => {
            all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
}

/// Everything that is wrong, at the head of the form, with a way to each field.
pub(crate) fn summary(wrong: &[Wrong], texts: &Texts) -> Markup {
    html! {
        @if !wrong.is_empty() {
            div.notice.bad role="alert" tabindex="-1" data-focus {
                (icon::warning())
                div {
                    strong { (texts.add.wrong) }
                    ul {
                        @for one in wrong {
                            li { a href={ "#" (id(&one.path)) } { (one.title) } ": " (one.message) }
                        }
                    }
                }
            }
        }
    }
}
