//! Answers of every shape: whole, encoded, endless, slow, broken.

use std::io::Write as _;

use freehold_model::outcome::ErrorKind;
use http::StatusCode;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let (url, _) = answering(OK).await;
    let client = client_for(loopback(), Names::new(&[]), &url);

    let response = client.send(post(&url)).await.unwrap();

    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(&response.body[..], b"ok");
    assert_eq!(response.bytes_read, 2);
    assert_eq!(&*response.origin, url.trim_end_matches("/hook"));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (target, reached) = answering(OK).await;
    let reply = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
    let (url, _) = answering(reply).await;
    let client = client_for(loopback(), Names::new(&[]), &url);

    let response = client.send(post(&url)).await.unwrap();

    assert_eq!(response.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(response.headers["location"], target);
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_gzipped_answer_is_decoded_and_says_nothing_of_it() {
    let packed = gzip(b"a long, long answer");
    let (url, _) = answering(with_body("content-encoding: gzip\r\n", &packed)).await;
    let client = client_for(loopback(), Names::new(&[]), &url);

    let response = client.send(post(&url)).await.unwrap();

    assert_eq!(&response.body[..], b"a long, long answer");
    assert_eq!(response.bytes_read, packed.len() as u64);
    assert!(!response.headers.contains_key("content-encoding"));
    assert!(!response.headers.contains_key("content-length"));
}

#[tokio::test]
async fn an_answer_is_left_encoded_for_a_plugin_that_asks_for_an_encoding_itself() {
    let packed = gzip(b"a long, long answer");
    let (url, _) = answering(with_body("content-encoding: gzip\r\n", &packed)).await;
    let client = client_for(loopback(), Names::new(&[]), &url);
    let mut request = post(&url);
    request.headers.push((http::header::ACCEPT_ENCODING, HeaderValue::from_static("gzip")));

    let response = client.send(request).await.unwrap();

    assert_eq!(response.body, packed);
    assert_eq!(response.headers["content-encoding"], "gzip");
}

#[tokio::test]
async fn a_gzip_bomb_goes_off_at_the_limit() {
    let bomb = gzip(&vec![0; 64 * 1024 * 1024]);
    let (url, _) = answering(with_body("content-encoding: gzip\r\n", &bomb)).await;
    let client = client_for(loopback(), Names::new(&[]), &url);

    let error = client.send(post(&url)).await.unwrap_err();

    assert!(bomb.len() < 100 * 1024);
    assert_eq!(error.failure.code, "response-too-large");
    assert!(error.failure.request_sent);
    assert_eq!(error.status, Some(StatusCode::OK));
}

#[tokio::test]
async fn an_answer_that_is_not_the_gzip_it_claims_to_be_is_a_failure() {
    let mut cut = gzip(b"a long, long answer");
    cut.truncate(cut.len() - 9);
    for body in [cut, b"plain".to_vec()] {
        let (url, _) = answering(with_body("content-encoding: gzip\r\n", &body)).await;
        let client = client_for(loopback(), Names::new(&[]), &url);

        let error = client.send(post(&url)).await.unwrap_err();

        assert_eq!(error.failure.code, "response-encoding");
    }
}

#[tokio::test]
async fn an_answer_of_the_greatest_size_is_whole_and_one_byte_more_is_too_large() {
    let config = EgressConfig { response_bytes_max: 1000, ..loopback() };
    for (size, packed, fits) in [(1000, false, true), (1001, false, false), (1000, true, true), (1001, true, false)] {
        let body = vec![b'x'; size];
        let reply = if packed { with_body("content-encoding: gzip\r\n", &gzip(&body)) } else { with_body("", &body) };
        let (url, _) = answering(reply).await;
        let client = client_for(config.clone(), Names::new(&[]), &url);

        let sent = client.send(post(&url)).await;

        assert_eq!(sent.map(|response| response.body.len()).ok(), fits.then_some(size), "{size} {packed}");
    }
}

#[tokio::test]
async fn a_gigabyte_is_cut_at_the_limit() {
    let written = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&written);
    let (address, _) = server(move |mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            read_request(&mut stream).await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            let mut chunk = b"10000\r\n".to_vec();
            chunk.resize(chunk.len() + 0x10000, b'x');
            chunk.extend_from_slice(b"\r\n");
            for _ in 0..(1024 * 1024 * 1024 / 0x10000) {
                stream.write_all(&chunk).await?;
                counter.fetch_add(0x10000, Ordering::SeqCst);
            }
            Ok(())
        }
    })
    .await;
    let url = format!("http://{address}/");
    let client = client_for(loopback(), Names::new(&[]), &url);

    let error = client.send(post(&url)).await.unwrap_err();

    assert_eq!(error.failure.code, "response-too-large");
    assert!(error.bytes_read < 2 * 1024 * 1024, "{}", error.bytes_read);
    // What the system buffers on both sides of a socket comes on top.
    assert!(written.load(Ordering::SeqCst) < 64 * 1024 * 1024, "{}", written.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_declared_length_beyond_the_limit_is_not_even_read() {
    let (url, _) = answering("HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n").await;
    let client = client_for(loopback(), Names::new(&[]), &url);

    let error = client.send(post(&url)).await.unwrap_err();

    assert_eq!((error.failure.code.as_str(), error.bytes_read), ("response-too-large", 0));
}

#[tokio::test]
async fn an_answer_that_trickles_in_is_a_timeout() {
    let (address, _) = server(|mut stream| async move {
        read_request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await?;
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        loop {
            ticks.tick().await;
            stream.write_all(b"x").await?;
        }
    })
    .await;
    let url = format!("http://{address}/");
    let client = client_for(loopback(), Names::new(&[]), &url);

    let error = client.send(Request { timeout: Some(Duration::from_millis(200)), ..post(&url) }).await.unwrap_err();

    assert_eq!(error.failure.code, "timeout");
    assert_eq!(error.failure.kind, ErrorKind::Transient);
    assert!(error.failure.request_sent);
    assert_eq!(error.failure.message, format!("{address} sent its answer too slowly within 200 ms"));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_a_timeout_after_sending() {
    let (address, _) = server(|mut stream| async move {
        read_request(&mut stream).await?;
        std::future::pending().await
    })
    .await;
    let url = format!("http://{address}/");
    let client = client_for(loopback(), Names::new(&[]), &url);

    let error = client.send(Request { timeout: Some(Duration::from_millis(100)), ..post(&url) }).await.unwrap_err();

    assert_eq!(error.failure.code, "timeout");
    assert!(error.failure.request_sent);
}
