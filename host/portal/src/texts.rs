//! Everything that the pages say: a field for each text, a value for each language. A text that a language lacks does not
//! compile.
//!
//! `{}` in a text is filled in order, by [`fill`].

pub(crate) mod english;
pub(crate) mod german;

use freehold_model::ErrorKind;

/// Everything that the pages say.
pub(crate) struct Texts {
    pub(crate) nav: Nav,
    pub(crate) time: Time,
    pub(crate) open: Open,
    pub(crate) failure: Failures,
    pub(crate) list: List,
    pub(crate) health: Health,
    pub(crate) add: Add,
    pub(crate) test: Test,
    pub(crate) reasons: Reasons,
    pub(crate) permissions: Permissions,
    pub(crate) exchange: Exchange,
    pub(crate) show: Show,
    pub(crate) credential: Credential,
    pub(crate) verify: Verify,
    pub(crate) deliveries: Deliveries,
    pub(crate) replay: Replay,
    pub(crate) activity: Activity,
    /// How the host's words about wrong fields begin, and how they are told. What follows comes into the `{}`.
    pub(crate) rules: &'static [(&'static str, &'static str)],
}

/// What stands around every page.
pub(crate) struct Nav {
    pub(crate) skip: &'static str,
    pub(crate) label: &'static str,
    pub(crate) destinations: &'static str,
    pub(crate) deliveries: &'static str,
    pub(crate) activity: &'static str,
    pub(crate) read_only: &'static str,
    pub(crate) newer: &'static str,
    pub(crate) older: &'static str,
    pub(crate) pages: &'static str,
    pub(crate) copy: &'static str,
    pub(crate) copied: &'static str,
    pub(crate) cancel: &'static str,
}

/// Moments and spans. Each unit has its singular and its plural.
pub(crate) struct Time {
    pub(crate) just_now: &'static str,
    pub(crate) due: &'static str,
    pub(crate) ago: &'static str,
    pub(crate) ahead: &'static str,
    pub(crate) second: [&'static str; 2],
    pub(crate) minute: [&'static str; 2],
    pub(crate) hour: [&'static str; 2],
    pub(crate) day: [&'static str; 2],
}

/// The page that opens a session.
pub(crate) struct Open {
    pub(crate) title: &'static str,
    pub(crate) opening: &'static str,
    pub(crate) failed: &'static str,
    pub(crate) needs_script: &'static str,
}

/// What is shown instead of a page: a title and what to do.
pub(crate) struct Failures {
    pub(crate) not_found: [&'static str; 2],
    pub(crate) ended: [&'static str; 2],
    pub(crate) ended_unsaved: [&'static str; 2],
    pub(crate) read_only: [&'static str; 2],
    pub(crate) foreign: [&'static str; 2],
    pub(crate) too_large: [&'static str; 2],
    pub(crate) refused: &'static str,
    pub(crate) too_slow: [&'static str; 2],
    pub(crate) unavailable: [&'static str; 2],
    pub(crate) internal: [&'static str; 2],
    pub(crate) back: &'static str,
}

/// The list of destinations.
pub(crate) struct List {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) add: &'static str,
    pub(crate) empty_title: &'static str,
    pub(crate) empty: &'static str,
    pub(crate) empty_read_only: &'static str,
    pub(crate) last_delivery: &'static str,
    pub(crate) never: &'static str,
}

/// How a destination fares.
pub(crate) struct Health {
    pub(crate) delivering: &'static str,
    pub(crate) ready: &'static str,
    pub(crate) last_day: &'static str,
    pub(crate) retrying: &'static str,
    pub(crate) paused: &'static str,
    pub(crate) paused_auth: &'static str,
    pub(crate) paused_config: &'static str,
}

/// The form of a destination.
pub(crate) struct Add {
    pub(crate) choose_title: &'static str,
    pub(crate) choose_lead: &'static str,
    pub(crate) none_installed: &'static str,
    pub(crate) needs: &'static str,
    pub(crate) title: &'static str,
    pub(crate) where_to: &'static str,
    pub(crate) name: &'static str,
    pub(crate) name_help: &'static str,
    pub(crate) value: &'static str,
    pub(crate) credential: &'static str,
    pub(crate) credential_help: &'static str,
    pub(crate) events: &'static str,
    pub(crate) all_events: &'static str,
    pub(crate) some_events: &'static str,
    pub(crate) events_help: &'static str,
    pub(crate) more: &'static str,
    pub(crate) optional: &'static str,
    pub(crate) choose: &'static str,
    pub(crate) one_per_line: &'static str,
    pub(crate) as_json: &'static str,
    pub(crate) drop: &'static str,
    pub(crate) only_when: &'static str,
    pub(crate) entry_name: &'static str,
    pub(crate) entry_value: &'static str,
    pub(crate) for_example: &'static str,
    pub(crate) wrong: &'static str,
    pub(crate) test: &'static str,
    pub(crate) test_help: &'static str,
    pub(crate) save: &'static str,
    pub(crate) enter_again: &'static str,
    pub(crate) setup: &'static str,
    pub(crate) made: &'static str,
    pub(crate) to_destination: &'static str,
    pub(crate) shown_once: &'static str,
    pub(crate) shown_once_help: &'static str,
}

/// What a test found.
pub(crate) struct Test {
    pub(crate) worked: &'static str,
    pub(crate) failed: &'static str,
}

/// What each kind of failure means and leads to.
pub(crate) struct Reasons {
    pub(crate) transient: &'static str,
    pub(crate) throttled: &'static str,
    pub(crate) auth: &'static str,
    pub(crate) config: &'static str,
    pub(crate) rejected: &'static str,
    pub(crate) egress_denied: &'static str,
    pub(crate) plugin: &'static str,
}

impl Reasons {
    /// The text of one kind.
    pub(crate) fn of(&self, kind: ErrorKind) -> &'static str {
        match kind {
            ErrorKind::Transient => self.transient,
            ErrorKind::Throttled => self.throttled,
            ErrorKind::Auth => self.auth,
            ErrorKind::Config => self.config,
            ErrorKind::Rejected => self.rejected,
            ErrorKind::EgressDenied => self.egress_denied,
            ErrorKind::Plugin => self.plugin,
        }
    }
}

/// What a type is allowed to do.
pub(crate) struct Permissions {
    pub(crate) title: &'static str,
    pub(crate) http: &'static str,
    pub(crate) stream: &'static str,
    pub(crate) credential: &'static str,
    pub(crate) reveal: &'static str,
    pub(crate) nothing_else: &'static str,
}

/// What went over the wire.
pub(crate) struct Exchange {
    pub(crate) request: &'static str,
    pub(crate) answer: &'static str,
    pub(crate) took: &'static str,
    pub(crate) no_answer: &'static str,
    pub(crate) more: &'static str,
    pub(crate) log: &'static str,
}

/// One destination.
pub(crate) struct Show {
    pub(crate) overview: &'static str,
    pub(crate) credential: &'static str,
    pub(crate) deliveries: &'static str,
    pub(crate) replay: &'static str,
    pub(crate) saved: &'static str,
    pub(crate) was_paused: &'static str,
    pub(crate) was_resumed: &'static str,
    pub(crate) now: &'static str,
    pub(crate) settings: &'static str,
    pub(crate) edit: &'static str,
    pub(crate) how_to_verify: &'static str,
    pub(crate) paused_requested: &'static str,
    pub(crate) paused_kept: &'static str,
    pub(crate) paused_auth: &'static str,
    pub(crate) paused_config: &'static str,
    pub(crate) replace: &'static str,
    pub(crate) resume: &'static str,
    pub(crate) pause: &'static str,
    pub(crate) delete: &'static str,
    pub(crate) delete_title: &'static str,
    pub(crate) delete_warning: &'static str,
    pub(crate) last_day: &'static str,
    pub(crate) last_delivery: &'static str,
    pub(crate) waiting: &'static str,
    pub(crate) next_try: &'static str,
    pub(crate) dead: &'static str,
}

/// The versions of a credential.
pub(crate) struct Credential {
    pub(crate) versions: &'static str,
    pub(crate) none: &'static str,
    pub(crate) version: &'static str,
    pub(crate) fingerprint: &'static str,
    pub(crate) state: &'static str,
    pub(crate) added: &'static str,
    pub(crate) used: &'static str,
    pub(crate) actions: &'static str,
    pub(crate) stored: &'static str,
    pub(crate) verified: &'static str,
    pub(crate) active: &'static str,
    pub(crate) draining: &'static str,
    pub(crate) retired: &'static str,
    pub(crate) revoked: &'static str,
    pub(crate) rejected: &'static str,
    pub(crate) finishing: &'static str,
    pub(crate) finished: &'static str,
    pub(crate) at_latest: &'static str,
    pub(crate) signs_until: &'static str,
    pub(crate) refused_at: &'static str,
    pub(crate) how: &'static str,
    pub(crate) overlap: &'static str,
    pub(crate) no_overlap: &'static str,
    pub(crate) overlap_help: &'static str,
    pub(crate) unverified: &'static str,
    pub(crate) take_over: &'static str,
    pub(crate) refused: &'static str,
    pub(crate) nothing_changed: &'static str,
    pub(crate) replaced: &'static str,
    pub(crate) rolled_back: &'static str,
    pub(crate) revoked_now: &'static str,
    pub(crate) go_on: &'static str,
    pub(crate) roll_back: &'static str,
    pub(crate) revoke: &'static str,
    pub(crate) revoke_title: &'static str,
    pub(crate) revoke_warning: &'static str,
    pub(crate) revoke_active_warning: &'static str,
}

/// How signatures are checked.
pub(crate) struct Verify {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) steps: [&'static str; 3],
}

/// Deliveries, and one of them.
pub(crate) struct Deliveries {
    pub(crate) lead: &'static str,
    pub(crate) queued: &'static str,
    pub(crate) delivered: &'static str,
    pub(crate) dead: &'static str,
    pub(crate) cancelled: &'static str,
    pub(crate) started: &'static str,
    pub(crate) partial: &'static str,
    pub(crate) failed: &'static str,
    pub(crate) lost: &'static str,
    pub(crate) destination: &'static str,
    pub(crate) state: &'static str,
    pub(crate) event: &'static str,
    pub(crate) event_type: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) all: &'static str,
    pub(crate) search: &'static str,
    pub(crate) clear: &'static str,
    pub(crate) none: &'static str,
    pub(crate) none_help: &'static str,
    pub(crate) none_found: &'static str,
    pub(crate) none_found_help: &'static str,
    pub(crate) last_week: &'static str,
    pub(crate) replay_one: &'static str,
    pub(crate) gone: &'static str,
    pub(crate) accepted: &'static str,
    pub(crate) settled: &'static str,
    pub(crate) replay_of: &'static str,
    pub(crate) attempts: &'static str,
    pub(crate) no_attempts: &'static str,
    pub(crate) attempt: &'static str,
    pub(crate) together: &'static str,
    pub(crate) perhaps_arrived: &'static str,
    pub(crate) data: &'static str,
    pub(crate) happened: &'static str,
    pub(crate) cut: &'static str,
}

/// Delivering again.
pub(crate) struct Replay {
    pub(crate) lead: &'static str,
    pub(crate) dead: &'static str,
    pub(crate) dead_help: &'static str,
    pub(crate) window: &'static str,
    pub(crate) window_help: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) count: &'static str,
    pub(crate) no_window: &'static str,
    pub(crate) nothing: &'static str,
    pub(crate) would: &'static str,
    pub(crate) would_help: &'static str,
    pub(crate) go: &'static str,
    pub(crate) started: &'static str,
    pub(crate) progress: &'static str,
    pub(crate) so_far: &'static str,
}

/// The log of changes.
pub(crate) struct Activity {
    pub(crate) lead: &'static str,
    pub(crate) as_csv: &'static str,
    pub(crate) as_jsonl: &'static str,
    pub(crate) when: &'static str,
    pub(crate) what: &'static str,
    pub(crate) who: &'static str,
    pub(crate) details: &'static str,
    pub(crate) you: &'static str,
    pub(crate) portal: &'static str,
    pub(crate) vendor: &'static str,
    pub(crate) operator: &'static str,
    pub(crate) system: &'static str,
    pub(crate) actions: &'static [(&'static str, &'static str)],
}

/// `text` with each `{}` replaced by the next of `values`.
pub(crate) fn fill(text: &str, values: &[&str]) -> String {
    let mut parts = text.split("{}");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    let mut values = values.iter();
    for part in parts {
        filled.push_str(values.next().copied().unwrap_or_default());
        filled.push_str(part);
    }
    filled
}
