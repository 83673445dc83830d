use super::Error;

/// Runs blocking work (a database transaction, a file) off the event loop.
///
/// The wait is bounded: a database that falls silent keeps its threads, whose number is the pool's,
/// and the people waiting for them are told to come back.
pub async fn block<T, E>(
    work: impl FnOnce() -> std::result::Result<T, E> + Send + 'static,
) -> std::result::Result<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    const LONGEST: std::time::Duration = std::time::Duration::from_secs(12);
    match tokio::time::timeout(LONGEST, actix_web::web::block(work)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Error::Internal("a worker thread was lost".into()).into()),
        Err(_) => Err(Error::Unavailable("the database does not answer".to_owned()).into()),
    }
}
