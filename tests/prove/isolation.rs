//! The generated matrix has no leak: every route of the OpenAPI document, in every position that an id can stand in, asked by
//! everybody for everybody's things.

mod asked;
mod document;
mod estate;
mod judge;
mod matrix;
mod meaning;
mod mutations;
mod names;
mod rows;
mod unfiltered;
mod witness;
mod world;

use std::time::Instant;

use freehold_test_postgres::Database;
use freehold_tests::{Result, Where};

use self::matrix::Matrix;
use self::unfiltered::Unfiltered;
use self::witness::Witness;
use self::world::World;
use crate::Wish;
use crate::proof::Proof;

pub(crate) async fn prove(wish: &Wish) -> Result<Proof> {
    let (began, mut proof) = (Instant::now(), Proof::of("isolation"));
    proof.figure("database", wish.database.as_deref().unwrap_or("sqlite"));
    let (mut world, relay) = match wish.database()? {
        // What holds without the host's own filters holds with them, so the short form asks once.
        Where::Server(database) if wish.short => {
            unfiltered(database).await.map(|(world, relay)| (world, Some(relay)))?
        }
        database => (World::make(database).await?, None),
    };
    let served = matrix::document(&world).await?;
    let table = meaning::table();
    let reading = document::read(&served, &table);
    let read = reading.operations.iter().filter(|operation| operation.tells()).count();
    proof.group("every route, parameter and field is covered", read, &reading.uncovered);
    let idle = reading.used.iter().zip(&table).filter(|(used, _)| **used == 0);
    let idle: Vec<String> = idle.map(|(_, entry)| format!("{entry} is nowhere in the document")).collect();
    proof.group("every entry of the table is needed", table.len(), &idle);

    let mut witness = witness_of(&world).await?;
    let mut asked = ask(&mut world, &mut witness, &reading.operations).await?;
    std::mem::take(&mut asked.tally).tell(&world, &mut proof);
    metrics(&mut world, &mut proof).await?;
    rows::prove(&world, &mut witness, &mut proof).await?;
    mutations::prove(&served, &asked.pairs, &mut world, &mut witness, &mut proof).await?;
    if let Some(relay) = relay {
        filters(&relay, &mut proof);
    } else if let Where::Server(database) = wish.database()? {
        asked.requests += row_level_security_alone(database, &reading.operations, &mut proof).await?;
    }

    let told = reading.operations.iter().filter(|operation| operation.tells());
    proof.figure("routes", read);
    proof.figure("positions", told.map(asked::positions_of).sum::<usize>());
    proof.figure("requests", asked.requests);
    proof.figure("seconds", began.elapsed().as_secs());
    Ok(proof)
}

async fn witness_of(world: &World) -> Result<Witness> {
    match world.host.database() {
        Some(database) => Witness::of_server(database).await,
        None => Witness::of_file(&world.host.data().join("freehold.db")).await,
    }
}

async fn ask(world: &mut World, witness: &mut Witness, operations: &[document::Operation]) -> Result<matrix::Inquiry> {
    let mut matrix = Matrix { world, witness, operations, asked: matrix::Inquiry::default() };
    matrix.all().await?;
    Ok(matrix.asked)
}

/// A world whose host has its own filters taken out of its statements: row-level security is all there is.
async fn unfiltered(database: Database) -> Result<(World, Unfiltered)> {
    let relay = Unfiltered::before(&database).await?;
    let world = World::make(Where::Behind(database, relay.address.clone())).await?;
    Ok((world, relay))
}

/// The same requests once more, without the host's own filters. Returns how many.
async fn row_level_security_alone(
    database: Database,
    operations: &[document::Operation],
    proof: &mut Proof,
) -> Result<usize> {
    let (mut world, relay) = unfiltered(database).await?;
    let mut witness = witness_of(&world).await?;
    let asked = ask(&mut world, &mut witness, operations).await?;
    asked.tally.tell_in_short("row-level security alone", proof);
    filters(&relay, proof);
    Ok(asked.requests)
}

fn filters(relay: &Unfiltered, proof: &mut Proof) {
    let taken_out = relay.taken_out();
    proof.case("row-level security alone: filters were taken out", taken_out > 0, format!("of {taken_out} statements"));
}

/// Numbers for those who run Freehold: whose they are is not said.
async fn metrics(world: &mut World, proof: &mut Proof) -> Result {
    let answer = world.host.api("").get("/metrics").await?;
    let (length, named) = (answer.body.len(), world.named(&answer)?);
    let is_told = answer.status == 200 && length > 0;
    proof.case(
        "the metrics name nobody",
        is_told && named.is_none(),
        named.unwrap_or_else(|| format!("{length} bytes")),
    );
    Ok(())
}
