//! Turns the contract in `wit/` into Rust. Nothing here is for authors: the other modules wrap it.

wit_bindgen::generate!({
    path: "../wit/destination-0.1",
    world: "destination",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "__export_sink",
    default_bindings_module: "freehold_sdk::bindings",
    // There are no constructors to run: guests are plain Rust.
    disable_run_ctors_once_workaround: true,
});
