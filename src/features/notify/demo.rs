//! The demo's endpoints: one whose receiver takes everything, and one whose receiver is away, so that a newcomer sees
//! what both look like.

use super::actions;
use super::endpoint::Kind;
use super::notice::{About, Destination, EndpointId, Notice};
use super::signing::SECRET_BYTES;
use super::store::endpoints::{self, Endpoint};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Subject, Tx};
use crate::foundation::crypto::random;
use crate::foundation::db;
use crate::foundation::kernel::Level;

const RECEIVERS: [(&str, &str, Kind); 2] = [
    ("Simulated receiver", "taken", Kind::Standard),
    ("Simulated chat, away", "away", Kind::Slack),
];

/// Sets them up, or leads them to this start's simulator. The same again changes nothing else.
pub fn seed(services: &Services, simulator: u16) -> db::Result<()> {
    services.audit.write(&Actor::job("demo"), |tx| {
        for (name, path, kind) in RECEIVERS {
            let host = format!("127.0.0.1:{simulator}");
            let url = format!("http://{host}/receivers/{path}");
            let id = endpoint(tx, name, kind, &host, &url)?;
            actions::enqueue(tx, &greeting(id))?;
        }
        Ok(())
    })
}

fn endpoint(
    tx: &mut Tx<'_>,
    name: &str,
    kind: Kind,
    host: &str,
    url: &str,
) -> db::Result<EndpointId> {
    let event = |verb, id| Event::new(verb, Subject::new("endpoint", id)).detail("host", host);
    if let Some(Endpoint { id, .. }) = endpoints::by_name(tx, name)? {
        endpoints::set_address(tx, id, host, url)?;
        tx.record(event("endpoint.moved", id))?;
        return Ok(id);
    }
    let id = EndpointId::new();
    let secret: [u8; SECRET_BYTES] = random();
    let new = endpoints::New {
        name,
        kind,
        host,
        url,
        secret: (kind == Kind::Standard).then_some(secret.as_slice()),
    };
    endpoints::insert(tx, id, &new)?;
    tx.record(event("endpoint.added", id))?;
    Ok(id)
}

fn greeting(id: EndpointId) -> Notice {
    Notice {
        platform: None,
        to: Destination::Endpoint(id),
        about: About::new("endpoint", id),
        title: "The demo has begun".to_owned(),
        text: "This is how a notice looks to the program that takes it.".to_owned(),
        link: format!("/webhooks/{id}"),
        level: Some(Level::Blue),
        gather: None,
        key: format!("demo:greeting:{id}"),
    }
}
