//! A request made from its description: what is one's own in every place, but for the one that is tried.

use freehold_tests::{Answer, Api, Result};
use http::Method;
use serde_json::Value;

use super::document::{Body, LINES, Operation};
use super::estate::Estate;
use super::meaning::{Meaning, Noun, Place};

/// A place of a request in which ids are put in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) place: Place,
    /// Its name; in a body the pointer to it.
    pub(super) name: String,
    pub(super) noun: Noun,
    /// Whether it gives a name instead of naming something.
    pub(super) claims: bool,
    /// Whether the request cannot do without it.
    pub(super) is_required: bool,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.place {
            Place::Path => write!(f, "{{{}}}", self.name),
            Place::Query => write!(f, "?{}=", self.name),
            Place::Header => write!(f, "{}:", self.name),
            Place::Body => f.write_str(&self.name),
        }
    }
}

/// The positions of a request with this body.
pub(super) fn positions(operation: &Operation, body: Option<&Body>) -> Vec<Position> {
    let parameters =
        operation.parameters.iter().filter_map(|it| position(it.place, &it.name, it.meaning, it.is_required));
    let slots = body.into_iter().flat_map(|body| &body.slots);
    let slots = slots.filter_map(|it| position(Place::Body, &it.pointer, it.meaning, it.is_required));
    parameters.chain(slots).collect()
}

/// How many positions an operation has, over all forms of its body.
pub(super) fn positions_of(operation: &Operation) -> usize {
    let in_bodies = operation.bodies.iter().map(|body| positions(operation, Some(body)).len()).sum();
    if operation.bodies.is_empty() { positions(operation, None).len() } else { in_bodies }
}

fn position(place: Place, name: &str, meaning: Meaning, is_required: bool) -> Option<Position> {
    let (noun, claims) = match meaning {
        Meaning::Refers(noun) | Meaning::Chooses(noun) => (noun, false),
        Meaning::Claims(noun) => (noun, true),
        Meaning::Own(_) | Meaning::Plain(_) | Meaning::LeftOut => return None,
    };
    Some(Position { place, name: name.to_owned(), noun, claims, is_required })
}

/// A request, ready to be sent.
#[derive(Debug)]
pub(super) struct Asked {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What a request is made from.
pub(super) struct Form<'f> {
    pub(super) operation: &'f Operation,
    pub(super) body: Option<&'f Body>,
    /// Whose things stand in it.
    pub(super) own: &'f Estate,
    /// Which of several names of one's own.
    pub(super) candidate: usize,
}

impl Form<'_> {
    /// The request with `probe` in a position, and with these words of its query.
    pub(super) fn fill(&self, probe: Option<(&Position, &str)>, words: &[(&str, &str)]) -> Asked {
        let probed = |place: Place, name: &str| {
            probe.filter(|(position, _)| position.place == place && position.name == name).map(|(_, value)| value)
        };
        let (mut path, mut query, mut headers) = (self.operation.path.clone(), Vec::new(), Vec::new());
        for parameter in &self.operation.parameters {
            let value = match (probed(parameter.place, &parameter.name), parameter.meaning) {
                (Some(value), _) => value.to_owned(),
                (None, Meaning::Refers(noun) | Meaning::Own(noun)) if parameter.is_required => self.own_name(noun),
                (None, Meaning::Plain(filling)) => plain_text(&filling(self.own)),
                _ => continue,
            };
            match parameter.place {
                Place::Path => path = path.replace(&format!("{{{}}}", parameter.name), &percent_encoded(&value)),
                Place::Query => query.push(format!("{}={}", parameter.name, percent_encoded(&value))),
                Place::Header | Place::Body => headers.push((parameter.name.clone(), value)),
            }
        }
        query.extend(words.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value))));
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let body = self.body.map(|body| {
            headers.push(("content-type".into(), body.media.clone()));
            self.filled(body, &probed)
        });
        Asked { method: self.operation.method.clone(), path, headers, body: body.unwrap_or_default() }
    }

    fn filled<'v>(&self, body: &Body, probed: &dyn Fn(Place, &str) -> Option<&'v str>) -> Vec<u8> {
        let mut value = body.skeleton.clone();
        for slot in &body.slots {
            let filling = match (probed(Place::Body, &slot.pointer), slot.meaning) {
                (Some(text), _) => Value::from(text),
                (None, Meaning::Refers(noun) | Meaning::Chooses(noun) | Meaning::Own(noun)) if slot.is_required => {
                    Value::from(self.own_name(noun))
                }
                (None, Meaning::Plain(filling)) => filling(self.own),
                _ => continue,
            };
            put(&mut value, &slot.pointer, filling);
        }
        match value {
            Value::Array(lines) if body.media == LINES => {
                lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes()
            }
            value => value.to_string().into_bytes(),
        }
    }

    /// A name of one's own.
    pub(super) fn own_name(&self, noun: Noun) -> String {
        let names = self.own.names(noun);
        let candidate = if Some(noun) == self.varied() { self.candidate } else { 0 };
        names.get(candidate).cloned().unwrap_or_default()
    }

    /// How many requests of one's own are worth a try.
    pub(super) fn candidates(&self) -> usize {
        self.varied().map_or(1, |noun| self.own.names(noun).len())
    }

    /// Of what it matters which one it is: whether a version can be cut over to, say, depends on how far it is.
    fn varied(&self) -> Option<Noun> {
        let positions = positions(self.operation, self.body);
        let is_named = |noun| positions.iter().any(|position| position.is_required && position.noun == noun);
        [Noun::Version, Noun::Destination].into_iter().find(|noun| is_named(*noun))
    }
}

impl Asked {
    pub(super) async fn send(&self, api: &Api) -> Result<Answer> {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        api.send(self.method.clone(), &self.path, &headers, self.body.clone()).await
    }

    /// Everything in it, to tell what the asker knew before.
    pub(super) fn text(&self) -> String {
        format!("{} {:?} {}", self.path, self.headers, String::from_utf8_lossy(&self.body))
    }
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = &self.body[..self.body.len().min(2_000)];
        write!(f, "{} {} {}", self.method, self.path, String::from_utf8_lossy(shown))
    }
}

fn put(value: &mut Value, pointer: &str, filling: Value) {
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        *value = filling;
        return;
    };
    match value.pointer_mut(parent) {
        Some(Value::Object(object)) => drop(object.insert(name.to_owned(), filling)),
        Some(Value::Array(list)) => {
            if let Some(place) = name.parse().ok().and_then(|index: usize| list.get_mut(index)) {
                *place = filling;
            }
        }
        _ => {}
    }
}

fn plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
