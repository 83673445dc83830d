use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use bytes::Bytes;
use futures_util::stream;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::FileReader;
use crate::foundation::web;

/// Streams a stored file as a download that no browser shows or runs in our name.
pub fn download(reader: FileReader) -> HttpResponse {
    let name = utf8_percent_encode(&reader.info.name, NON_ALPHANUMERIC);
    let disposition = format!("attachment; filename*=UTF-8''{name}");
    let mut response = HttpResponse::Ok();
    response
        .content_type(reader.info.content_type.clone())
        .insert_header((CONTENT_DISPOSITION, disposition))
        .insert_header((CONTENT_SECURITY_POLICY, "sandbox"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_LENGTH, reader.info.bytes));
    let chunks = stream::try_unfold(reader, |mut reader| async move {
        web::block(move || {
            let chunk = reader.next_chunk()?;
            Ok::<_, web::Error>(chunk.map(|chunk| (Bytes::from(chunk), reader)))
        })
        .await
    });
    response.streaming(Box::pin(chunks))
}
