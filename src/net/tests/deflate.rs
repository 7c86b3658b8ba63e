//! COMPRESS=DEFLATE.

use std::io::ErrorKind;

use async_compression::tokio::write::DeflateEncoder;

use super::*;

/// Two ends, both compressed, with the meter of the first.
fn pair() -> (Stream, Stream, Arc<Meter>) {
    let (a, b) = tokio::io::duplex(64 * 1024);
    let meter = Arc::new(Meter::default());
    (Stream::over(a, meter.clone()).compress(), Stream::over(b, Arc::default()).compress(), meter)
}

#[tokio::test]
async fn each_flush_reaches_the_peer_and_the_meter_counts_the_wire() {
    let (mut here, mut there, meter) = pair();
    for line in ["a1 NOOP\r\n", "a2 UID FETCH 1:* (FLAGS)\r\n", ""] {
        here.write_all(line.as_bytes()).await.unwrap();
        here.flush().await.unwrap();
        assert_eq!(take(&mut there, line.len()).await, line);
        let answer = line.repeat(100);
        there.write_all(answer.as_bytes()).await.unwrap();
        there.flush().await.unwrap();
        assert_eq!(take(&mut here, answer.len()).await, answer);
    }
    let (received, sent, turns) = meter.totals();
    assert!((1..1000).contains(&received) && (1..100).contains(&sent), "{received} {sent}");
    assert_eq!(turns, 2, "an empty flush is no round trip");
}

#[tokio::test]
async fn much_data_goes_both_ways_at_once() {
    let (here, mut there, _) = pair();
    let data = (0..3_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>();
    let (mut reads, mut writes) = tokio::io::split(here);
    let sent = data.clone();
    let writer = tokio::spawn(async move {
        writes.write_all(&sent).await.unwrap();
        writes.flush().await.unwrap();
    });
    let echo = tokio::spawn(async move { echo(&mut there).await });
    let mut got = vec![0; data.len()];
    reads.read_exact(&mut got).await.unwrap();
    assert!(got == data);
    writer.await.unwrap();
    echo.abort();
}

#[tokio::test]
async fn a_bomb_is_inflated_no_further_than_it_is_read() {
    let mut bomb = DeflateEncoder::new(Vec::new());
    bomb.write_all(&vec![0; 32 << 20]).await.unwrap();
    bomb.flush().await.unwrap();
    let bomb = bomb.into_inner();
    let (a, mut b) = tokio::io::duplex(1 << 20);
    b.write_all(&bomb).await.unwrap();
    let meter = Arc::new(Meter::default());
    let mut stream = Stream::over(a, meter.clone()).compress();
    let mut buffer = vec![1; 64 * 1024];
    stream.read_exact(&mut buffer).await.unwrap();
    assert!(buffer.iter().all(|octet| *octet == 0));
    // Zeros deflate by about 1:1000; what was taken from the wire for 64 KiB can stand for 128 KiB at most.
    let taken = meter.totals().0;
    assert!(taken * 1000 <= 128 * 1024, "{taken} of {} octets were taken", bomb.len());
}

#[tokio::test]
async fn garbage_and_a_cut_are_invalid_data() {
    for garbage in [&[0xff; 64][..], &[0, 1, 2, 3, 4, 5, 6, 7], b"* OK this is no deflate, and may inflate to something\r\n"] {
        let (a, mut b) = tokio::io::duplex(4096);
        b.write_all(garbage).await.unwrap();
        drop(b);
        let cause = Stream::over(a, Arc::default()).compress().read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(cause.kind(), ErrorKind::InvalidData, "{cause}");
        certainly(&lost("fetch", cause), Class::Protocol, &["compressed data"]);
    }
    let mut deflated = DeflateEncoder::new(Vec::new());
    deflated.write_all(b"* 1 FETCH (FLAGS ())\r\n").await.unwrap();
    deflated.flush().await.unwrap();
    let whole = deflated.into_inner();
    let (a, mut b) = tokio::io::duplex(4096);
    b.write_all(&whole[..whole.len() - 8]).await.unwrap();
    drop(b);
    let mut got = Vec::new();
    let cause = Stream::over(a, Arc::default()).compress().read_to_end(&mut got).await.unwrap_err();
    assert_eq!(cause.kind(), ErrorKind::InvalidData, "{cause}");
}

#[tokio::test]
async fn a_properly_ended_deflate_stream_ends() {
    let mut deflated = DeflateEncoder::new(Vec::new());
    deflated.write_all(b"* BYE\r\n").await.unwrap();
    deflated.shutdown().await.unwrap();
    let (a, mut b) = tokio::io::duplex(4096);
    b.write_all(&deflated.into_inner()).await.unwrap();
    drop(b);
    let mut got = Vec::new();
    Stream::over(a, Arc::default()).compress().read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"* BYE\r\n");
}
