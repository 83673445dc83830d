//! Every column under the installation's own key: what rotation goes through. A test looks at every column of bytes in
//! the database, and finds one that is missing here.

use crate::foundation::crypto::Sealed;

const UUID: &str = "uuid";
const BIGINT: &str = "bigint";

/// Deliberately not among them: what stands under a customer's key or a file's, which are wrapped here themselves.
pub const SEALED: &[Sealed] = &[
    Sealed {
        table: "subject_key",
        column: "wrapped",
        row: &[("subject_id", UUID)],
    },
    Sealed {
        table: "file",
        column: "wrapped",
        row: &[("id", UUID)],
    },
    Sealed {
        table: "file",
        column: "name",
        row: &[("id", UUID)],
    },
    Sealed {
        table: "intake_batch",
        column: "name",
        row: &[("id", UUID)],
    },
    Sealed {
        table: "intake_batch",
        column: "header",
        row: &[("id", UUID)],
    },
    Sealed {
        table: "intake_rejection",
        column: "ciphertext",
        row: &[("batch_id", UUID), ("row_number", BIGINT)],
    },
    Sealed {
        table: "totp",
        column: "seed",
        row: &[("person_id", UUID)],
    },
    Sealed {
        table: "session",
        column: "proposed_seed",
        row: &[("id", UUID)],
    },
    Sealed {
        table: "heartbeat",
        column: "secret",
        row: &[("id", UUID)],
    },
    Sealed {
        table: "heartbeat_ping",
        column: "body",
        row: &[("id", UUID)],
    },
    Sealed {
        table: "event_source",
        column: "secret",
        row: &[("id", UUID)],
    },
    Sealed {
        table: "event_source",
        column: "previous_secret",
        row: &[("id", UUID)],
    },
    Sealed {
        table: "event_receipt",
        column: "body",
        row: &[("id", UUID)],
    },
    Sealed {
        table: "notice_endpoint",
        column: "url",
        row: &[("id", UUID)],
    },
    Sealed {
        table: "notice_endpoint",
        column: "secret",
        row: &[("id", UUID)],
    },
    Sealed {
        table: "notice_endpoint",
        column: "previous_secret",
        row: &[("id", UUID)],
    },
    Sealed {
        table: "parked_form",
        column: "fields",
        row: &[("id", UUID), ("person_id", UUID)],
    },
];
