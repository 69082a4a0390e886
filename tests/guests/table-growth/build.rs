//! Writes an object file with a single function, `grow_table(elements: i32) -> i32`, which is the instruction `table.grow`.

use std::path::PathBuf;

use wasm_encoder::{
    CodeSection, CustomSection, EntityType, FunctionSection, ImportSection, LinkingSection, Module, RefType,
    SymbolTable, TableType, TypeSection, ValType,
};

/// <https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md>
const RELOCATION_TABLE_NUMBER_LEB: u8 = 20;
const CODE_SECTION_INDEX: u8 = 3;
const TABLE_SYMBOL_INDEX: u8 = 1;

/// No locals; `ref.null func`, `local.get 0`, `table.grow` with a table number that the linker fills in, `end`.
const BODY: [u8; 13] = [0x00, 0xd0, 0x70, 0x20, 0x00, 0xfc, 0x0f, 0x80, 0x80, 0x80, 0x80, 0x00, 0x0b];
/// Where that number is: after the count of functions, the body's length, and seven bytes of the body.
const TABLE_NUMBER_OFFSET: u8 = 9;

#[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let object = PathBuf::from(std::env::var_os("OUT_DIR").unwrap()).join("grow_table.o");
    std::fs::write(&object, object_file()).unwrap();
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        println!("cargo::rustc-link-arg-cdylib={}", object.display());
        // Otherwise the linker sets the table's maximum to what it has itself put there.
        println!("cargo::rustc-link-arg-cdylib=--growable-table");
    }
}

fn object_file() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut imports = ImportSection::new();
    let table = TableType { element_type: RefType::FUNCREF, minimum: 0, maximum: None, table64: false, shared: false };
    imports.import("env", "__indirect_function_table", EntityType::Table(table));
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut code = CodeSection::new();
    code.raw(&BODY);
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&code);
    module.section(&linking());
    module.section(&CustomSection { name: "reloc.CODE".into(), data: RELOCATIONS.as_slice().into() });
    module.finish()
}

/// One relocation of the code section.
const RELOCATIONS: [u8; 5] =
    [CODE_SECTION_INDEX, 1, RELOCATION_TABLE_NUMBER_LEB, TABLE_NUMBER_OFFSET, TABLE_SYMBOL_INDEX];

fn linking() -> LinkingSection {
    let mut symbols = SymbolTable::new();
    symbols.function(0, 0, Some("grow_table"));
    symbols.table(SymbolTable::WASM_SYM_UNDEFINED, 0, None);
    let mut linking = LinkingSection::new();
    linking.symbol_table(&symbols);
    linking
}
