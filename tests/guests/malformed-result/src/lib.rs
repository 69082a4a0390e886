//! Answers against the canonical ABI. Bindings would not let it, so it writes the exports and their results by hand.
//!
//! A `result<list<outcome>, error>` in memory, as bytes from its address: 0 discriminant, 8 payload. The payload of an error:
//! 8 kind, 12 and 16 code, 20 and 24 message (address and length), 32 whether there is a retry-after, 40 the same, 48
//! whether the request was sent.

use std::cell::RefCell;

/// Describes the component's exports, which are then written by hand.
mod contract {
    wit_bindgen::generate!({ path: "../../../wit/destination-0.1", world: "http-sink" });
}

const SIZE: usize = 56;

#[repr(C, align(8))]
struct Area([u8; SIZE + 8]);

thread_local! {
    static AREA: RefCell<Area> = const { RefCell::new(Area([0; SIZE + 8])) };
}

#[cfg(target_arch = "wasm32")]
const MANIFEST: &[u8] = misbehaviour::manifest!("malformed-result", "false").as_bytes();

#[cfg(target_arch = "wasm32")]
#[used]
#[unsafe(link_section = "freehold:manifest")]
static SECTION: [u8; MANIFEST.len()] = {
    let mut bytes = [0; MANIFEST.len()];
    bytes.copy_from_slice(MANIFEST);
    bytes
};

/// Succeeds.
#[unsafe(export_name = "freehold:destination/sink@0.1.0#open")]
extern "C" fn open(_config: *const u8, _length: usize) -> *const u8 {
    answer(|_| 0)
}

/// Succeeds.
#[unsafe(export_name = "freehold:destination/sink@0.1.0#verify")]
extern "C" fn verify() -> *const u8 {
    answer(|_| 0)
}

/// Answers in the way that the first event's type names.
#[unsafe(export_name = "freehold:destination/sink@0.1.0#deliver")]
extern "C" fn deliver(_id: *const u8, _id_length: usize, events: *const [usize; 4], _count: usize) -> *const u8 {
    // SAFETY: a batch is never empty, and an event begins with the address and the length of its id and then of its type.
    let event_type = unsafe {
        let event = *events;
        std::slice::from_raw_parts(std::ptr::with_exposed_provenance::<u8>(event[2]), event[3])
    };
    match event_type {
        b"test.discriminant" => answer(|area| {
            area[0] = 7;
            0
        }),
        b"test.kind" => answer(|area| {
            error(area, b"code", b"message");
            area[8] = 200;
            0
        }),
        b"test.pointer" => answer(|area| {
            error(area, b"code", b"message");
            put(area, 20, 0xffff_0000);
            put(area, 24, 0xffff);
            0
        }),
        b"test.unaligned" => answer(|_| 1),
        _ => answer(|area| {
            error(area, b"code", b"\xff\xfe\xc0\x80 is not UTF-8");
            0
        }),
    }
}

/// Clears the area, lets `write` fill it, and answers with its address plus what `write` says.
fn answer(write: impl FnOnce(&mut [u8; SIZE + 8]) -> usize) -> *const u8 {
    AREA.with_borrow_mut(|area| {
        area.0 = [0; SIZE + 8];
        let shift = write(&mut area.0);
        area.0.as_ptr().wrapping_add(shift)
    })
}

fn error(area: &mut [u8; SIZE + 8], code: &'static [u8], message: &'static [u8]) {
    area[0] = 1;
    put(area, 12, code.as_ptr().addr());
    put(area, 16, code.len());
    put(area, 20, message.as_ptr().addr());
    put(area, 24, message.len());
}

fn put(area: &mut [u8; SIZE + 8], at: usize, value: usize) {
    let bytes = u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    area[at..at + 4].copy_from_slice(&bytes);
}
