//! What every engine must do, through the public functions alone.

mod access;
mod attempts;
mod audit;
mod destination_types;
mod destinations;
mod durability;
mod health;
mod ingest;
mod lists;
mod queue;
mod replay;
mod rotation;

/// Makes each claim a test of each engine.
macro_rules! on_every_engine {
    ($($claim:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $claim() {
                    super::$claim($crate::support::Home::new($crate::support::Engine::Sqlite).await).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $claim() {
                    if freehold_test_postgres::missing().is_some() {
                        return;
                    }
                    super::$claim($crate::support::Home::new($crate::support::Engine::Postgres).await).await;
                }
            )*
        }
    };
}
pub(crate) use on_every_engine;
