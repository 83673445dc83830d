//! Which service each rule is about: that of what it reads.

use std::collections::HashMap;

use crate::features::packs::pack::{
    Connector, Heartbeat, ItemId, LogSource, Probe, Service, Slo, Source,
};
use crate::features::packs::store as packs;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope};

/// The services of everything that rules read.
pub struct Subjects {
    services: HashMap<(PlatformId, String), (ItemId, String)>,
    of: HashMap<(PlatformId, &'static str, String), String>,
}

impl Subjects {
    pub fn read(conn: &mut Conn, scope: &Scope) -> db::Result<Self> {
        let services = packs::live_within::<Service>(conn, scope)?;
        let mut of = HashMap::new();
        for it in packs::live_within::<Probe>(conn, scope)? {
            of.insert((it.platform, "probe", it.slug), it.spec.service);
        }
        for it in packs::live_within::<Slo>(conn, scope)? {
            of.insert((it.platform, "slo", it.slug), it.spec.service);
        }
        let beats = packs::live_within::<Heartbeat>(conn, scope)?.into_iter();
        let beats = beats.map(|it| ((it.platform, "heartbeat", it.slug), it.spec.service));
        let calls = packs::live_within::<Connector>(conn, scope)?.into_iter();
        let calls = calls.map(|it| ((it.platform, "connector", it.slug), it.spec.service));
        let logs = packs::live_within::<LogSource>(conn, scope)?.into_iter();
        let logs = logs.map(|it| ((it.platform, "log_source", it.slug), it.spec.service));
        let others = beats.chain(calls).chain(logs);
        of.extend(others.filter_map(|(key, service)| Some((key, service?))));
        Ok(Self {
            services: services
                .into_iter()
                .map(|it| ((it.platform, it.slug), (it.id, it.name)))
                .collect(),
            of,
        })
    }

    /// The service that a rule of a platform is about, with its name.
    pub fn service(&self, platform: PlatformId, on: &Source) -> Option<&(ItemId, String)> {
        let (kind, slug) = on.reads()?;
        let service = self.of.get(&(platform, kind, slug.to_owned()))?;
        self.services.get(&(platform, service.clone()))
    }
}
