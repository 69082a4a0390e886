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
mod witness;
mod world;

use std::time::Instant;

use freehold_tests::Result;

use self::matrix::{Matrix, Tally};
use self::witness::Witness;
use self::world::World;
use crate::Wish;
use crate::proof::Proof;

pub(crate) async fn prove(wish: &Wish) -> Result<Proof> {
    let (began, mut proof) = (Instant::now(), Proof::of("isolation"));
    proof.figure("database", wish.database.as_deref().unwrap_or("sqlite"));
    let mut world = World::make(wish).await?;
    let served = matrix::document(&world).await?;
    let table = meaning::table();
    let reading = document::read(&served, &table);
    let read = reading.operations.iter().filter(|operation| operation.tells()).count();
    proof.group("every route, parameter and field is covered", read, &reading.uncovered);
    let idle = reading.used.iter().zip(&table).filter(|(used, _)| **used == 0);
    let idle: Vec<String> = idle.map(|(_, entry)| format!("{entry} is nowhere in the document")).collect();
    proof.group("every entry of the table is needed", table.len(), &idle);

    let mut witness = match world.host.database() {
        Some(database) => Witness::of_server(database).await?,
        None => Witness::of_file(&world.host.data().join("freehold.db")).await?,
    };
    let mut matrix = Matrix {
        world: &mut world,
        witness: &mut witness,
        operations: &reading.operations,
        tally: Tally::default(),
        requests: 0,
        pairs: Vec::new(),
    };
    matrix.all().await?;
    let (tally, requests, pairs) = (matrix.tally, matrix.requests, matrix.pairs);
    tally.tell(&world, &mut proof);
    metrics(&mut world, &mut proof).await?;
    rows::prove(&world, &mut witness, &mut proof).await?;
    mutations::prove(&served, &pairs, &mut world, &mut witness, &mut proof).await?;

    let positions =
        reading.operations.iter().filter(|operation| operation.tells()).map(asked::positions_of).sum::<usize>();
    proof.figure("routes", read);
    proof.figure("positions", positions);
    proof.figure("requests", requests);
    proof.figure("seconds", began.elapsed().as_secs());
    Ok(proof)
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
