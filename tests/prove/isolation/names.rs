//! Which names are put into a position, and whose are they?

use freehold_tests::{Api, Result, chance};

use super::asked::{Form, Position};
use super::document::Operation;
use super::estate::{Estate, VERSION_OF_OTHERS};
use super::meaning::{Noun, Place};
use super::world::{Actor, Tenant};

/// Whose a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    Own,
    /// One's own that was deleted.
    Deleted,
    Foreign,
    /// Another customer's of the same tenant.
    Sibling,
    /// Another tenant's that was deleted.
    ForeignDeleted,
    /// A place in a list, of another list.
    AnotherList,
    /// Nobody's: it cannot be a name.
    Malformed,
}

impl Whose {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Whose::Own => "own",
            Whose::Deleted => "own, deleted",
            Whose::Foreign => "another tenant's",
            Whose::Sibling => "a sibling customer's",
            Whose::ForeignDeleted => "another tenant's, deleted",
            Whose::AnotherList => "another list's",
            Whose::Malformed => "malformed",
        }
    }
}

/// A version that nobody has.
const VERSION_OF_NOBODY: &str = "9";

/// Every name that is not one's own, for something that is named. In a portal session, siblings' names are not.
pub(super) fn of_others(position: &Position, actor: &Actor, own: &Tenant, other: &Tenant) -> Vec<(Whose, String)> {
    let all = |whose: Whose, estate: &Estate| -> Vec<(Whose, String)> {
        estate.names(position.noun).iter().map(|name| (whose, name.clone())).collect()
    };
    let malformed = malformed(position.noun).into_iter().map(|text| (Whose::Malformed, text));
    let mut names = match position.noun {
        Noun::Version => vec![(Whose::Foreign, VERSION_OF_OTHERS.to_owned())],
        // Asked for, list by list.
        Noun::Cursor | Noun::IdempotencyKey => Vec::new(),
        Noun::Type => all(Whose::Foreign, &other.estates[0]),
        Noun::Customer | Noun::Destination => [
            all(Whose::Deleted, &own.gone),
            all(Whose::Foreign, &other.estates[0]),
            all(Whose::ForeignDeleted, &other.gone),
        ]
        .concat(),
        // What became of events is told after their customer is gone, and what was revoked is still there.
        Noun::Event | Noun::Delivery | Noun::Attempt | Noun::ApiKey | Noun::PortalSession => {
            [all(Whose::Foreign, &other.estates[0]), all(Whose::ForeignDeleted, &other.gone)].concat()
        }
    };
    if actor.customer.is_some() && !matches!(position.noun, Noun::Version | Noun::Type | Noun::ApiKey) {
        names.retain(|(whose, _)| *whose != Whose::Deleted);
        names.extend([all(Whose::Sibling, &own.estates[1]), all(Whose::Sibling, &own.gone)].concat());
    }
    names.extend(malformed);
    names
}

fn malformed(noun: Noun) -> Vec<String> {
    let texts: &[&str] = match noun {
        Noun::Version => &["x", "0", "-1", "1.0", "99999999999"],
        Noun::Cursor => &["***", "AAAA", "' OR 1=1 --"],
        // It stands in a header, which cannot hold everything.
        Noun::IdempotencyKey => &["a b", ""],
        _ => &["xyz_00000000000000000000000000", "dst_0000", "' OR 1=1 --", "\u{0}", "%2e%2e"],
    };
    let long = "a".repeat(400);
    texts.iter().copied().chain([long.as_str()]).map(str::to_owned).collect()
}

/// Nobody's name in the same form as `name`.
pub(super) fn of_nobody(noun: Noun, name: &str) -> Result<String> {
    if noun == Noun::Version {
        return Ok(VERSION_OF_NOBODY.to_owned());
    }
    let random = chance::hex(&chance::bytes::<200>()?);
    let kept = match name.as_bytes().get(3) {
        // The beginning of an id tells its kind, and what follows it may be a moment.
        Some(b'_') if name.len() == 30 => &name[..6],
        _ => "",
    };
    Ok(format!("{kept}{}", random.get(..name.len() - kept.len()).unwrap_or(&random)))
}

/// What names of nobody in the same form have in common: one answer to them is enough.
pub(super) fn form_of(name: &str) -> (usize, String) {
    (name.len(), if name.len() == 30 { name[..4].to_owned() } else { String::new() })
}

/// A place in a list, from the list itself; none where it has one page only.
pub(super) async fn cursor(api: &Api, form: &Form<'_>) -> Result<Option<String>> {
    let asked = form.fill(None, &[("limit", "1")]);
    let page = asked.send(api).await?.ok()?;
    Ok(page["next_cursor"].as_str().map(str::to_owned))
}

/// Another list than that of `operation`.
pub(super) fn another_list<'o>(operations: &'o [Operation], operation: &Operation) -> Option<&'o Operation> {
    let is_list = |it: &&Operation| {
        it.tells()
            && it.path != operation.path
            && it.parameters.iter().any(|it| it.place == Place::Query && it.name == "cursor")
    };
    operations.iter().find(is_list)
}
