use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, FormKey, Subject};
use crate::foundation::jobs::{self, JobId, Stop};
use crate::foundation::web::{Error, Refusal};

/// Asks a job to stop.
pub fn cancel(services: &Services, actor: &Actor, id: JobId, key: FormKey) -> Result<(), Error> {
    services.audit.write(actor, |tx| {
        tx.once(key, &format!("/jobs/{id}"))?;
        let job = jobs::find(tx, id)?.ok_or(Error::NotFound)?;
        let now = tx.now();
        let Some(stop) = jobs::request_cancel(tx, id, now)? else {
            return Err(Error::Refused(Refusal::new(
                "job_ended",
                "This job has ended already.",
                "Look at what came of it; there is nothing left to cancel.",
            )));
        };
        tx.record(
            Event::new("job.cancel_requested", Subject::new("job", id))
                .detail("kind", job.kind)
                .detail("key", job.key)
                .detail("at_once", stop == Stop::AtOnce),
        )?;
        Ok(())
    })
}
