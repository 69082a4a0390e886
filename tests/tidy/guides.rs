//! What the guides show is what is built: their code stands in the example that they name, and the contract that the examples
//! carry is today's.

use freehold_tests::Result;

use crate::tree;

/// The order in which the contract's files make up the one that projects carry.
const CONTRACT: [&str; 10] =
    ["types", "sink", "credential", "http", "stream", "context", "log", "random", "reveal", "world"];

#[test]
fn the_guide_shows_what_its_example_holds() -> Result {
    let guide = tree::text("docs/guide-first-plugin.md")?;
    let mut shown = 0;
    for block in guide.split("\n```").skip(1).step_by(2) {
        let (info, code) = block.split_once('\n').unwrap_or((block, ""));
        let Some((_, file)) = info.split_once(' ') else { continue };
        let source = tree::text(&format!("sdk/examples/datadog/{file}"))?;

        assert!(source.contains(code.trim_end()), "the guide shows of {file} what is not in it:\n{code}");
        shown += 1;
    }

    assert!(shown >= 10, "only {shown} pieces of the example are shown");
    Ok(())
}

#[test]
fn the_examples_carry_the_contract_of_today() -> Result {
    let files = CONTRACT.iter().map(|name| tree::text(&format!("wit/destination-0.1/{name}.wit")));
    let contract = files.collect::<Result<Vec<_>>>()?.join("\n");
    for example in ["typescript/examples/slack", "python/examples/elasticsearch"] {
        let carried = tree::text(&format!("sdk/{example}/wit/deps/freehold-destination.wit"))?;

        assert!(carried == contract, "sdk/{example}/wit/deps is not what wit/destination-0.1 is");
    }
    Ok(())
}
