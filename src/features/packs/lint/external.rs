//! Whom one calls about what is somebody else's.

use super::Linter;
use super::addresses::no_url;
use super::oncall::is_mailbox;

impl Linter<'_> {
    pub(super) fn external_services(&mut self) {
        let pack = self.pack;
        for (index, service) in pack.external_services.iter().enumerate() {
            let about = ("external_service", index, service.id.as_str());
            if let Some(connector) = &service.connector
                && !pack.connectors.iter().any(|known| known.id == *connector)
            {
                let message = format!("there is no connector \"{connector}\"");
                self.error("unknown-reference", about, message);
            }
            if !service.email.is_empty() && !is_mailbox(&service.email) {
                let message = "its email is no address, such as support@provider.example";
                self.error("bad-address", about, message);
            }
            if !service.url.is_empty()
                && let Some(problem) = no_url(&service.url)
            {
                self.error("bad-address", about, problem);
            }
        }
    }
}
