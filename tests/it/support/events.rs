//! What the audit log was told.

use diesel::prelude::*;
use serde_json::Value;
use signalbox::foundation::db::schema::audit_inbox;

use super::app::TestApp;

impl TestApp {
    /// Every event, in the order of writing.
    pub fn events(&self) -> Vec<Value> {
        let bodies: Vec<Vec<u8>> = audit_inbox::table
            .order((audit_inbox::recorded_at, audit_inbox::id))
            .select(audit_inbox::body)
            .load(&mut self.db.connect_superuser())
            .unwrap();
        bodies
            .iter()
            .map(|body| serde_json::from_slice(body).unwrap())
            .collect()
    }

    pub fn events_of(&self, kind: &str) -> Vec<Value> {
        let mut events = self.events();
        events.retain(|event| event["kind"] == kind);
        events
    }
}
