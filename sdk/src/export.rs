//! Makes a [`Sink`] into a component: the macro, and the glue between the contract's exports and the trait.

use std::cell::RefCell;
use std::thread::LocalKey;

use crate::bindings::exports::freehold::destination::sink::Guest;
use crate::bindings::freehold::destination::types as wit;
use crate::{Batch, Error, Outcome, Sink, config};

/// Exports a [`Sink`] as the component's destination type and embeds its manifest.
///
/// The manifest is `manifest.json` beside the crate's `Cargo.toml` unless `manifest = "…"` names another file, relative to
/// that folder, or `manifest_json = …` gives its text. It ends up in the custom section `freehold:manifest` of the
/// component's core module, where the host reads it without running anything.
///
/// `setup = "setup.md"` embeds what the customer has to do on their side, as Markdown. People read it beside the form of a
/// new destination, where `{{bucket}}` stands for what they entered as `bucket`.
///
/// ```
/// # struct Nowhere;
/// # impl freehold_sdk::Sink for Nowhere {
/// #     type Config = ();
/// #     fn open(_: ()) -> Result<Self, freehold_sdk::Error> { Ok(Nowhere) }
/// #     fn deliver(&mut self, _: freehold_sdk::Batch) -> Result<Vec<freehold_sdk::Outcome>, freehold_sdk::Error> { Ok(vec![]) }
/// #     fn verify(&mut self) -> Result<(), freehold_sdk::Error> { Ok(()) }
/// # }
/// freehold_sdk::export!(
///     Nowhere,
///     manifest_json = r#"{
///         "name": "nowhere", "version": "0.1.0", "label": "Nowhere", "description": "Takes everything and keeps nothing.",
///         "config": { "type": "object", "additionalProperties": false },
///         "credential": { "type": "object", "additionalProperties": false },
///         "endpoints": ["https://nowhere.example.com"],
///         "batch": { "events": 1, "bytes": 1024, "age_ms": 0 }
///     }"#
/// );
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export {
    ($sink:ty $(,)?) => {
        $crate::export!($sink, manifest = "manifest.json");
    };
    ($sink:ty, manifest = $path:literal $(,)?) => {
        $crate::export!(@embed $sink, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path)));
    };
    ($sink:ty, setup = $path:literal $(,)?) => {
        $crate::export!($sink);
        $crate::export!(@section "freehold:setup", include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path)));
    };
    ($sink:ty, manifest_json = $json:expr $(,)?) => {
        $crate::export!(@embed $sink, ($json).as_bytes());
    };
    (@embed $sink:ty, $bytes:expr) => {
        const _: () = {
            // Names of items are no hygienic ones: none of the plugin's own must be hidden by it.
            const __FREEHOLD_MANIFEST: &[u8] = $bytes;
            const _: () = $crate::__private::check_manifest(__FREEHOLD_MANIFEST);
            $crate::export!(@section "freehold:manifest", __FREEHOLD_MANIFEST);

            struct Component;

            ::std::thread_local! {
                static SINK: ::std::cell::RefCell<Option<$sink>> = const { ::std::cell::RefCell::new(None) };
            }

            impl $crate::bindings::exports::freehold::destination::sink::Guest for Component {
                fn open(config: String) -> Result<(), $crate::bindings::freehold::destination::types::Error> {
                    $crate::__private::open(&SINK, &config)
                }

                fn deliver(
                    batch: $crate::bindings::freehold::destination::types::Batch,
                ) -> Result<
                    Vec<$crate::bindings::freehold::destination::types::Outcome>,
                    $crate::bindings::freehold::destination::types::Error,
                > {
                    $crate::__private::deliver(&SINK, batch)
                }

                fn verify() -> Result<(), $crate::bindings::freehold::destination::types::Error> {
                    $crate::__private::verify(&SINK)
                }
            }

            #[cfg(target_arch = "wasm32")]
            $crate::bindings::__export_sink!(Component with_types_in $crate::bindings);

            // Elsewhere nothing is exported, but the same is checked, and counts as used.
            #[cfg(not(target_arch = "wasm32"))]
            const _: () = $crate::__private::check::<Component>();
        };
    };
    (@section $name:literal, $bytes:expr) => {
        const _: () = {
            const BYTES: &[u8] = $bytes;

            #[cfg(target_arch = "wasm32")]
            #[used]
            #[unsafe(link_section = $name)]
            static SECTION: [u8; BYTES.len()] = {
                let mut bytes = [0; BYTES.len()];
                bytes.copy_from_slice(BYTES);
                bytes
            };

            #[cfg(not(target_arch = "wasm32"))]
            assert!(!BYTES.is_empty(), "a section of the component is empty");
        };
    };
}

/// What takes the place of the exports where there is no host.
pub const fn check<G: Guest>() {}

type Slot<S> = LocalKey<RefCell<Option<S>>>;

/// The export `open`.
pub fn open<S: Sink>(slot: &'static Slot<S>, config: &str) -> Result<(), wit::Error> {
    let sink = config::parse(config).and_then(S::open)?;
    slot.set(Some(sink));
    Ok(())
}

/// The export `deliver`.
pub fn deliver<S: Sink>(slot: &'static Slot<S>, batch: wit::Batch) -> Result<Vec<wit::Outcome>, wit::Error> {
    let outcomes: Vec<Outcome> = with_sink(slot, |sink| sink.deliver(Batch::from(batch)))?;
    Ok(outcomes.into_iter().map(|outcome| outcome.map_err(wit::Error::from)).collect())
}

/// The export `verify`.
pub fn verify<S: Sink>(slot: &'static Slot<S>) -> Result<(), wit::Error> {
    Ok(with_sink(slot, S::verify)?)
}

fn with_sink<S: Sink, T>(slot: &'static Slot<S>, call: impl FnOnce(&mut S) -> Result<T, Error>) -> Result<T, Error> {
    slot.with_borrow_mut(|sink| match sink {
        Some(sink) => call(sink),
        None => Err(Error::other("not-open", "the host called the plugin before it opened it")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter {
        seen: usize,
        limit: usize,
    }

    #[derive(serde::Deserialize)]
    struct Config {
        limit: usize,
    }

    impl Sink for Counter {
        type Config = Config;

        fn open(config: Config) -> Result<Self, Error> {
            Ok(Counter { seen: 0, limit: config.limit })
        }

        fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
            self.seen += batch.events.len();
            Ok(batch.events.iter().map(|_| Ok(())).collect())
        }

        fn verify(&mut self) -> Result<(), Error> {
            if self.seen < self.limit { Ok(()) } else { Err(Error::config("full", "no room left")) }
        }
    }

    thread_local! {
        static SINK: RefCell<Option<Counter>> = const { RefCell::new(None) };
    }

    fn batch_of_one() -> wit::Batch {
        let event = wit::Event {
            id: "e1".into(),
            type_: "order.paid".into(),
            time_ms: 0,
            data: b"{}".to_vec(),
            attributes: vec![],
            idempotency_key: "msg_1".into(),
        };
        wit::Batch { id: "bat_1".into(), events: vec![event] }
    }

    #[test]
    fn a_sink_keeps_its_state_between_calls() {
        open(&SINK, r#"{"limit":1}"#).unwrap();
        assert!(verify(&SINK).is_ok());

        let outcomes = deliver(&SINK, batch_of_one()).unwrap();

        assert!(matches!(outcomes.as_slice(), [Ok(())]));
        assert_eq!(verify(&SINK).unwrap_err().code, "full");
    }

    #[test]
    fn a_call_before_open_is_an_error() {
        let error = deliver(&SINK, batch_of_one()).unwrap_err();

        assert_eq!(error.code, "not-open");
    }

    #[test]
    fn a_config_that_does_not_fit_is_an_error_of_kind_config() {
        let error = open(&SINK, r#"{"limit":"many"}"#).unwrap_err();

        assert!(matches!(error.kind, wit::ErrorKind::Config));
        assert!(error.message.contains("`limit`"), "{}", error.message);
    }
}
