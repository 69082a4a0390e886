//! A real name server (hickory's) on the loopback, whose names lead wherever a test wants them to, lookup after lookup.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Header, HeaderCounts, Metadata, ResponseCode};
use hickory_server::proto::rr::{Name, RData, Record, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::UdpSocket;

use crate::trouble::Result;

/// Serves until dropped.
pub struct NameServer {
    address: SocketAddr,
    zone: Zone,
    _server: Server<Zone>,
}

/// What each name leads to.
#[derive(Clone, Default)]
struct Zone(Arc<Mutex<HashMap<String, Lead>>>);

/// The answers to successive lookups of a name, of which the last stays, and how many lookups there were.
struct Lead {
    answers: Vec<Vec<Ipv4Addr>>,
    lookups: usize,
}

impl NameServer {
    /// Starts one that knows no names.
    ///
    /// # Errors
    /// When the loopback has no free port.
    pub async fn start() -> Result<NameServer> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        let zone = Zone::default();
        let mut server = Server::new(zone.clone());
        server.register_socket(socket);
        Ok(NameServer { address, zone, _server: server })
    }

    /// Where it is asked, as settings want it.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Has successive lookups of `name` answer these, the last one from then on. Nobody may keep an answer.
    pub fn lead(&self, name: &str, answers: &[&[Ipv4Addr]]) {
        let answers = answers.iter().map(|answer| answer.to_vec()).collect();
        let mut names = self.zone.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.to_owned(), Lead { answers, lookups: 0 });
    }

    /// How often `name` was looked up since it was last led somewhere.
    pub fn lookups(&self, name: &str) -> usize {
        let names = self.zone.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(name).map_or(0, |lead| lead.lookups)
    }
}

impl Zone {
    /// The addresses of a name; `None` when there is no such name. Only questions for IPv4 count as lookups: each comes
    /// with one for IPv6.
    fn answer(&self, name: &Name, kind: RecordType) -> Option<Vec<Ipv4Addr>> {
        let name = name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Lead { answers, lookups } = names.get_mut(&name)?;
        if kind != RecordType::A {
            return Some(Vec::new());
        }
        let answer = answers.get(*lookups).or(answers.last()).cloned().unwrap_or_default();
        *lookups += 1;
        Some(answer)
    }
}

#[async_trait]
impl RequestHandler for Zone {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, mut response: R) -> ResponseInfo {
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.authoritative = true;
        let mut records = Vec::new();
        match request.request_info() {
            Ok(asked) => {
                let name = asked.query.original().name();
                match self.answer(name, asked.query.query_type()) {
                    Some(addresses) => records
                        .extend(addresses.iter().map(|a| Record::from_rdata(name.clone(), 0, RData::A((*a).into())))),
                    None => metadata.response_code = ResponseCode::NXDomain,
                }
            }
            Err(_) => metadata.response_code = ResponseCode::FormErr,
        }
        let message = MessageResponseBuilder::from_message_request(request).build(metadata, records.iter(), [], [], []);
        // Whoever asked may have gone away, and asks again if not.
        let sent = response.send_response(message).await;
        sent.unwrap_or_else(|_| Header { metadata, counts: HeaderCounts::default() }.into())
    }
}
