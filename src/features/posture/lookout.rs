//! What was seen last, so that a page that is opened again and again asks the world once.

use std::time::{Duration, Instant};

use actix_web::web::Data;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::database;
use super::finding::Finding;
use super::front::{self, Seen};
use crate::foundation::Services;
use crate::foundation::auth::guard;

/// How long what was seen at the front door is taken for what is there.
const FRONT_LASTS: Duration = Duration::from_secs(15);
/// Each of these tries is a line in the database's own log, where somebody may count failures.
const PASSWORDS_LAST: Duration = Duration::from_mins(10);
const PASSWORDS_DEADLINE: Duration = Duration::from_secs(10);

/// One for each process. One look at a time: whoever comes meanwhile waits for it and is shown the same.
#[derive(Default)]
pub struct Lookout {
    front: Last<Seen>,
    passwords: Last<Vec<Finding>>,
}

impl Lookout {
    pub async fn front(&self, services: &Data<Services>) -> Seen {
        let look = async || {
            let mark = guard::own_look(services);
            front::look(&services.config.web, &mark).await
        };
        self.front.within(FRONT_LASTS, look).await
    }

    /// Whether the database lets in who knows what everybody knows.
    pub async fn passwords(&self, services: &Data<Services>) -> Vec<Finding> {
        let look = async || {
            let address = services.db.address().clone();
            let tried = tokio::task::spawn_blocking(move || database::passwords(&address));
            match timeout(PASSWORDS_DEADLINE, tried).await {
                Ok(Ok(findings)) => findings,
                Ok(Err(_)) | Err(_) => {
                    vec![database::passwords_unseen("it did not answer in time")]
                }
            }
        };
        self.passwords.within(PASSWORDS_LAST, look).await
    }
}

struct Last<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Last<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Last<T> {
    async fn within(&self, lasts: Duration, look: impl AsyncFnOnce() -> T) -> T {
        let mut last = self.0.lock().await;
        match &*last {
            Some((at, seen)) if at.elapsed() < lasts => seen.clone(),
            _ => {
                let seen = look().await;
                *last = Some((Instant::now(), seen.clone()));
                seen
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[actix_web::test]
    async fn many_at_once_look_once() {
        let (last, looks) = (Last::default(), AtomicUsize::new(0));
        let look = async || {
            tokio::time::sleep(Duration::from_millis(20)).await;
            looks.fetch_add(1, Ordering::SeqCst)
        };
        let long = Duration::from_mins(1);
        let all = (
            last.within(long, &look),
            last.within(long, &look),
            last.within(long, &look),
        );
        assert_eq!(tokio::join!(all.0, all.1, all.2), (0, 0, 0));
        assert_eq!(
            last.within(Duration::ZERO, &look).await,
            1,
            "what is old is looked at again"
        );
    }
}
