//! Limits, and everything that goes wrong: each has its code, none hangs, none leaves a connection taken.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dialektai::engine::{Cell, EngineError, Rows};
use futures_util::future::join_all;

use super::{Case, Differing};
use crate::servers::tds::script::{Encryption, Script, Step, failure, rows};
use crate::servers::tds::{Event, tls, tokens, types};

const QUICK: Differing = Differing {
    limits: "milliseconds = 1000",
    login: "reader:p%40ss%20word",
    parameters: "encrypt=danger_plaintext",
    catalog: String::new(),
};

fn quick() -> Differing {
    Differing { catalog: super::CATALOG.to_owned(), ..QUICK }
}

fn answering(steps: Vec<Step>) -> Script {
    Script { answers: vec![("things", steps)], ..Script::default() }
}

fn numbers(count: i32) -> Vec<u8> {
    (0..count).flat_map(|number| tokens::row(&[number.to_le_bytes().to_vec()])).collect()
}

fn header() -> Vec<u8> {
    tokens::columns(&[("n", types::fixed(0x38))])
}

#[tokio::test]
async fn errors_of_the_server_have_codes_and_free_the_connection() {
    for (number, severity, expected) in [
        (8134, 16, EngineError::Failed),
        (229, 14, EngineError::Failed),
        (1222, 16, EngineError::Timeout),
        (1205, 13, EngineError::Busy),
        (1105, 17, EngineError::Full),
        (9002, 17, EngineError::Full),
        (701, 17, EngineError::Memory),
        (8645, 17, EngineError::Memory),
        (40197, 17, EngineError::Unavailable),
        (823, 24, EngineError::Unavailable),
    ] {
        let case = Case::new(answering(failure(number, severity))).await;
        let started = Instant::now();
        let error = case.run().await.unwrap_err();
        assert_eq!(error, expected, "{number}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        case.double.until("the end", |events| events.contains(&Event::Closed)).await;
        // The server was done: nothing is stopped, and nobody waits for an acknowledgement.
        assert_eq!(case.double.count(&Event::Attention), 0, "{number}");
        assert!(started.elapsed() < Duration::from_secs(3), "{number}");
    }
}

#[tokio::test]
async fn an_error_after_rows_fails_the_whole_and_a_warning_does_not() {
    let broken = [header(), numbers(3), tokens::error(8134, 16, "divide"), tokens::done()].concat();
    assert_eq!(
        Case::new(answering(vec![Step::Tokens(broken)])).await.run().await,
        Err(EngineError::Failed)
    );
    let warned =
        [header(), tokens::info(8153, "Null value is eliminated"), numbers(3), tokens::done()]
            .concat();
    let answer = Case::new(answering(vec![Step::Tokens(warned)])).await.run().await.unwrap();
    assert_eq!(answer.rows.len(), 3);
}

#[tokio::test]
async fn rows_and_bytes_are_cut_and_the_server_is_stopped() {
    let all = vec![Step::Tokens([header(), numbers(10)].concat()), Step::Hang];
    let differing = Differing { limits: "rows = 9\nmilliseconds = 3000", ..Differing::default() };
    let case = Case::with(answering(all), differing).await;
    let answer = case.run().await.unwrap();
    assert_eq!((answer.rows.len(), answer.truncated), (9, true));
    assert_eq!(answer.rows[8], [Cell::Integer(8)]);
    case.double.until("an attention", |events| events.contains(&Event::Attention)).await;

    let exact = rows(
        &[("n", types::fixed(0x38))],
        &vec![7_i32.to_le_bytes().to_vec(); 9].chunks(1).map(<[_]>::to_vec).collect::<Vec<_>>(),
    );
    let differing = Differing { limits: "rows = 9\nmilliseconds = 3000", ..Differing::default() };
    let answer = Case::with(answering(exact), differing).await.run().await.unwrap();
    assert_eq!((answer.rows.len(), answer.truncated), (9, false));

    let wide = tokens::columns(&[("t", types::nvarchar())]);
    let texts: Vec<u8> =
        (0..10).flat_map(|_| tokens::row(&[types::text(&"x".repeat(100))])).collect();
    let wide = vec![Step::Tokens([wide, texts, tokens::done()].concat())];
    let differing =
        Differing { limits: "bytes = 450\nmilliseconds = 3000", ..Differing::default() };
    let answer = Case::with(answering(wide), differing).await.run().await.unwrap();
    assert_eq!((answer.rows.len(), answer.truncated), (4, true));
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_stopped_at_the_server() {
    for steps in [
        vec![Step::Hang],
        vec![Step::Tokens([header(), numbers(2)].concat()), Step::Hang],
        // In the middle of a row.
        vec![Step::Tokens([header(), numbers(2), vec![0xd1, 1]].concat()), Step::Hang],
    ] {
        let case = Case::with(answering(steps), quick()).await;
        let started = Instant::now();
        assert_eq!(case.run().await, Err(EngineError::Timeout));
        let took = started.elapsed();
        assert!((Duration::from_secs(1)..Duration::from_secs(4)).contains(&took), "{took:?}");
        case.double
            .until("an attention and the end", |events| {
                events.ends_with(&[Event::Attention, Event::Closed])
            })
            .await;
    }
}

#[tokio::test]
async fn a_trickle_of_rows_does_not_outlast_the_limit() {
    let mut steps = vec![Step::Tokens(header())];
    for _ in 0..1_000 {
        steps.extend([Step::Tokens(numbers(1)), Step::Pause(Duration::from_millis(20))]);
    }
    let case = Case::with(answering(steps), quick()).await;
    let started = Instant::now();
    assert_eq!(case.run().await, Err(EngineError::Timeout));
    assert!(started.elapsed() < Duration::from_secs(4));
    case.double.until("an attention", |events| events.contains(&Event::Attention)).await;
}

#[tokio::test]
async fn who_leaves_stops_the_work() {
    let case = Case::with(
        answering(vec![Step::Hang]),
        Differing { limits: "milliseconds = 60000", ..Differing::default() },
    )
    .await;
    for number in 1..=8 {
        let running = case.run_apart();
        let calls = |events: &[Event]| {
            events.iter().filter(|event| matches!(event, Event::Call(_))).count()
        };
        case.double.until("a call", |events| calls(events) == number).await;
        running.abort();
    }
    let ends =
        |event: &Event, events: &[Event]| events.iter().filter(|other| *other == event).count();
    case.double
        .until("eight attentions and ends", |events| {
            ends(&Event::Attention, events) == 8 && ends(&Event::Closed, events) == 8
        })
        .await;
}

/// As many at once as there are connections are served; one more waits, and no longer than it may.
#[tokio::test]
async fn connections_are_bounded() {
    let case = Arc::new(Case::with(answering(vec![Step::Hang]), quick()).await);
    let outcomes: Vec<Result<Rows, EngineError>> = join_all((0..12).map(|_| case.run())).await;
    let busy = outcomes.iter().filter(|outcome| **outcome == Err(EngineError::Busy)).count();
    let late = outcomes.iter().filter(|outcome| **outcome == Err(EngineError::Timeout)).count();
    assert_eq!((busy, late), (4, 8));
    assert_eq!(case.double.count(&Event::Opened), 8);
    let ends = |events: &[Event]| events.iter().filter(|other| **other == Event::Closed).count();
    case.double.until("eight ends", |events| ends(events) == 8).await;
    // All are free again.
    let outcomes = join_all((0..8).map(|_| case.run())).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Err(EngineError::Timeout)), "{outcomes:?}");
}

/// A server that does not acknowledge keeps its connection taken, but not for ever.
#[tokio::test]
async fn a_deaf_server_keeps_its_connections_for_a_while_only() {
    let script = Script { deaf: true, ..answering(vec![Step::Hang]) };
    let case = Case::with(script, quick()).await;
    let started = Instant::now();
    let outcomes = join_all((0..8).map(|_| case.run())).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Err(EngineError::Timeout)), "{outcomes:?}");
    assert_eq!(case.run().await, Err(EngineError::Busy));
    loop {
        let outcome = case.run().await;
        if outcome == Err(EngineError::Timeout) {
            break;
        }
        assert_eq!(outcome, Err(EngineError::Busy));
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}

#[tokio::test]
async fn a_server_that_dies_on_the_way_gives_no_rows_and_heals() {
    let cut = vec![Step::Tokens([header(), numbers(5)].concat()), Step::Cut];
    assert_eq!(Case::new(answering(cut)).await.run().await, Err(EngineError::Unavailable));
    let in_a_row = vec![Step::Tokens([header(), vec![0xd1, 1, 0]].concat()), Step::Cut];
    assert_eq!(Case::new(answering(in_a_row)).await.run().await, Err(EngineError::Unavailable));

    let mut case =
        Case::new(answering(vec![Step::Tokens([header(), numbers(5)].concat()), Step::Hang])).await;
    let running = case.run_apart();
    case.double.until("a call", |events| matches!(events.last(), Some(Event::Call(_)))).await;
    case.double.kill().await;
    assert_eq!(running.await.unwrap(), Err(EngineError::Unavailable));
    let started = Instant::now();
    assert_eq!(case.run().await, Err(EngineError::Unavailable));
    assert!(started.elapsed() < Duration::from_secs(1));
    case.double.restart().await;
    assert_eq!(case.run().await, Err(EngineError::Timeout));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_unavailable_in_time() {
    let case = Case::with(Script { silent: true, ..Script::default() }, quick()).await;
    let started = Instant::now();
    assert_eq!(case.run().await, Err(EngineError::Unavailable));
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    case.double.until("the end", |events| events.contains(&Event::Opened)).await;
}

#[tokio::test]
async fn two_answers_and_none_are_failures() {
    let twice =
        [header(), numbers(1), tokens::done(), header(), numbers(1), tokens::done()].concat();
    assert_eq!(
        Case::new(answering(vec![Step::Tokens(twice)])).await.run().await,
        Err(EngineError::Failed)
    );
    assert_eq!(
        Case::new(answering(vec![Step::Tokens(tokens::done())])).await.run().await,
        Err(EngineError::Failed)
    );
}

/// Nonsense in place of an answer: never a crash, never a hang, never rows.
#[tokio::test]
async fn nonsense_is_a_failure() {
    let text = || types::nvarchar();
    let short_row =
        |bytes: &[u8]| [tokens::columns(&[("t", text())]), vec![0xd1], bytes.to_vec()].concat();
    for (index, nonsense) in [
        vec![0x00],
        vec![0xfe],
        vec![0xff; 64],
        // A row without columns, a row before its columns.
        [numbers(1), tokens::done()].concat(),
        // A type that is not one; columns that end early; more columns than come.
        vec![0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0x99],
        vec![0x81, 0xfe, 0x7f, 0, 0, 0, 0, 0, 0, 0x38],
        header()[..6].to_vec(),
        // Values that are longer than what comes, of an odd length, of half a surrogate pair.
        short_row(&[0xfe, 0xff, 1, 2, 3]),
        short_row(&[3, 0, 1, 2, 3]),
        short_row(&[2, 0, 0x00, 0xd8]),
        // An error of a length that is not its own.
        vec![0xaa, 0xff, 0xff, 1, 2],
        vec![0xaa, 2, 0, 1, 2],
        // A packet size of eight bytes.
        vec![0xe3, 5, 0, 4, 1, b'8', 0, 0],
        // A decimal with a scale that there is none of, and a day after the last.
        [tokens::columns(&[("d", types::decimal(0x6a, 38, 99))]), tokens::done()].concat(),
        [tokens::columns(&[("d", types::date())]), vec![0xd1, 3, 0xff, 0xff, 0xff], tokens::done()]
            .concat(),
    ]
    .into_iter()
    .enumerate()
    {
        let case = Case::with(answering(vec![Step::Tokens(nonsense)]), quick()).await;
        let started = Instant::now();
        let outcome = case.run().await;
        assert!(
            matches!(
                outcome,
                Err(EngineError::Failed | EngineError::Unavailable | EngineError::Timeout)
            ),
            "{index}: {outcome:?}"
        );
        assert!(started.elapsed() < Duration::from_secs(5), "{index}");
    }
}

#[tokio::test]
async fn encryption_that_is_required_and_refused_has_a_code() {
    let differing = Differing { parameters: "encrypt=true", ..quick() };
    let case = Case::with(answering(vec![Step::Hang]), differing).await;
    assert_eq!(case.run().await, Err(EngineError::Tls));
    let no_login = |events: &[Event]| !events.iter().any(|event| matches!(event, Event::Login(_)));
    assert!(no_login(&case.double.events()), "the password must not have been sent");
}

/// With the authority that signed it the server's certificate is good, and for this host only.
#[tokio::test]
async fn encryption_is_checked() {
    let number =
        || answering(rows(&[("n", types::fixed(0x38))], &[vec![7_i32.to_le_bytes().to_vec()]]));
    let encrypts = || Script { encryption: Encryption::Yes, ..number() };
    let authority = tls::file("authority.pem");
    let authority = authority.display();
    for (parameters, expected) in [
        (format!("trust_server_certificate_ca={authority}"), Ok(1)),
        ("encrypt=true&trust_server_certificate=true".to_owned(), Ok(1)),
        // Whose authority nobody here knows; and that of another host.
        ("encrypt=true".to_owned(), Err(EngineError::Tls)),
        (
            format!("trust_server_certificate_ca={authority}&host_name_in_certificate=db.example"),
            Err(EngineError::Tls),
        ),
    ] {
        let differing = Differing { parameters: parameters.clone().leak(), ..Differing::default() };
        let case = Case::with(encrypts(), differing).await;
        assert_eq!(case.run().await.map(|answer| answer.rows.len()), expected, "{parameters}");
        let logins =
            case.double.events().iter().filter(|event| matches!(event, Event::Login(_))).count();
        assert_eq!(logins, usize::from(expected.is_ok()), "{parameters}");
    }
    // What the server insists on, a client without encryption does not get.
    let case = Case::with(encrypts(), Differing::default()).await;
    assert!(matches!(case.run().await, Err(EngineError::Tls | EngineError::Unavailable)));
}
