//! The package that vendors put into their pages: its own tests, and the real React around it.

use std::process::Command;

use freehold_tests::{Result, While, peers, places};

#[test]
fn the_element_passes_its_tests_with_and_without_react() -> Result {
    let react = peers::if_it_can_be_had(peers::node_package("react-dom@19.3.1"), "the portal's element")?;
    let Some(react) = react else { return Ok(()) };
    // Node looks for packages from where a file really is, so the package is copied to where React can be found.
    let folder = react.join("embed");
    let source = places::root().join("sdk/embed");
    std::fs::create_dir_all(folder.join("test"))?;
    for part in ["", "test"] {
        for entry in std::fs::read_dir(source.join(part))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                std::fs::copy(entry.path(), folder.join(part).join(entry.file_name()))?;
            }
        }
    }

    let output = Command::new("node").arg("--test").current_dir(&folder).output().while_doing("node")?;

    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("# skipped 0"), "something was left out: {told}");
    Ok(())
}
