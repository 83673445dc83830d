//! What the audit log was told.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::Value;
use signalbox::foundation::db::schema::audit_inbox;

use super::app::TestApp;

impl TestApp {
    /// Every event, in the order of writing. A test's clock stands still, so that of one moment the place in the table
    /// says which was first.
    pub fn events(&self) -> Vec<Value> {
        let bodies: Vec<Vec<u8>> = audit_inbox::table
            .order((audit_inbox::recorded_at, sql::<Text>("ctid")))
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
