//! A name that leads elsewhere at every lookup: what is dialled is of the very answer that was judged.

use std::sync::Mutex;

use proptest::prelude::*;

use super::cases::origin::Detour;
use super::*;

/// Answers each lookup with the next of these.
struct Shifting(Mutex<Vec<Vec<IpAddr>>>);

impl Resolve for Shifting {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>> {
        let answer = self.0.lock().unwrap().pop();
        Box::pin(std::future::ready(answer.ok_or(ResolveError::NotFound)))
    }
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    let private =
        prop::sample::select(vec!["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"]);
    let public = prop::sample::select(vec!["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:9.9.9.9"]);
    prop_oneof![private, public].prop_map(|text| text.parse().unwrap())
}

/// Sends one request for each answer, and says for each whether it arrived and where it went.
async fn follow(answers: &[Vec<IpAddr>]) -> Vec<(bool, Vec<IpAddr>)> {
    let (address, _) = server(|mut stream| async move {
        read_request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await
    })
    .await;
    let detour = Arc::new(Detour::to(address));
    let names = Arc::new(Shifting(Mutex::new(answers.iter().rev().cloned().collect())));
    let config = EgressConfig { allow_http: true, ..EgressConfig::default() };
    let door = Door::with_dialler(config, names, Arc::clone(&detour) as Arc<dyn Dial>);
    let url = "http://hooks.example.com/";
    let client = door.client(policy(url));
    let mut went = Vec::new();
    for _ in answers {
        let before = detour.dialled().len();
        let arrived = client.send(post(url)).await.is_ok();
        went.push((arrived, detour.dialled()[before..].iter().map(SocketAddr::ip).collect()));
    }
    went
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_request_goes_where_its_own_lookup_allows(
        answers in prop::collection::vec(prop::collection::vec(any_address(), 1..20), 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

        let went = runtime.block_on(follow(&answers));

        for (answer, (arrived, dialled)) in answers.iter().zip(went) {
            let judged = answer.iter().take(resolve::ANSWERS_MAX).filter(|ip| address::judge(**ip, 80, &EgressConfig::default()).is_ok());
            let allowed: Vec<IpAddr> = judged.map(IpAddr::to_canonical).collect();
            prop_assert_eq!(arrived, !allowed.is_empty(), "{:?}", answer);
            prop_assert_eq!(dialled.is_empty(), allowed.is_empty(), "{:?}", answer);
            prop_assert!(dialled.iter().all(|ip| allowed.contains(ip)), "{:?} went to {:?}", answer, dialled);
        }
    }
}
