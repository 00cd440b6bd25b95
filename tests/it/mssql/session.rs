//! Logins, the session's settings, what is sent, and that nothing serves twice.

use dialektai::engine::{Cell, EngineError};
use dialektai::guard::sql::MSSQL_SESSION;

use super::{Case, Differing};
use crate::servers::tds::script::{Script, TRANSACTION, Told, rows};
use crate::servers::tds::{Event, Login, Parameter, tokens, types};

fn one_row() -> Script {
    let answer = rows(&[("n", types::fixed(0x38))], &[vec![7_i32.to_le_bytes().to_vec()]]);
    Script { answers: vec![("things", answer)], ..Script::default() }
}

#[tokio::test]
async fn a_query_logs_in_sets_the_session_up_and_runs_in_a_transaction() {
    let case = Case::new(one_row()).await;
    let answer = case.run().await.unwrap();
    assert_eq!(answer.rows, [[Cell::Integer(7)]]);
    assert_eq!((&*answer.columns[0].name, &*answer.columns[0].type_name), ("n", "integer"));
    assert!(!answer.truncated);
    case.double.until("the end", |events| events.last() == Some(&Event::Closed)).await;
    let events = case.double.events();
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| match event {
            Event::Opened => "opened",
            Event::Login(_) => "login",
            Event::Batch(text) if MSSQL_SESSION.iter().all(|set| text.contains(set)) => "set",
            Event::Batch(text) if text.contains("@@OPTIONS") => "read back",
            Event::Batch(text) => text,
            Event::Call(_) => "call",
            Event::Attention => "attention",
            Event::Reset => "reset",
            Event::Closed => "closed",
        })
        .collect();
    assert_eq!(
        kinds,
        ["opened", "login", "set", "read back", "BEGIN TRANSACTION", "call", "closed"]
    );
    let login = Login {
        user: "reader".to_owned(),
        password: "p@ss word".to_owned(),
        application: "dialektai".to_owned(),
        database: "shop".to_owned(),
        reads_only: true,
    };
    assert!(events.contains(&Event::Login(login)), "{events:?}");
    assert_eq!(case.double.calls()[0].transaction, TRANSACTION);
}

#[tokio::test]
async fn binds_arrive_typed_and_in_order() {
    let mut case = Case::new(one_row()).await;
    case.policy(
        "@id(\"tenant\") permit (principal, action == Action::\"read\", resource is things)
         when { resource.customer_id == principal.tenant && resource.active == true
             && resource.id < -3 && resource.region like \"n*\" };",
    );
    let guarded = case.guard("SELECT id FROM things WHERE id <> 5");
    case.run().await.unwrap();
    case.engine.run(&guarded, &case.database.catalog).await.unwrap();
    let call = case.double.calls().pop().unwrap();
    assert_eq!(call.text, guarded.query().text());
    let names: Vec<&str> = call.parameters.iter().map(|(name, _)| name.as_str()).collect();
    let numbered: Vec<String> =
        (1..=guarded.query().binds().len()).map(|n| format!("@P{n}")).collect();
    assert_eq!(names, numbered);
    let declared: Vec<&str> = call.declared.split(',').collect();
    for ((bind, (name, sent)), declared) in
        guarded.query().binds().iter().zip(&call.parameters).zip(declared)
    {
        use dialektai::predicate::Value;
        let (expected, kind) = match crate::world::value(bind) {
            Value::Long(number) | Value::Datetime(number) => {
                (Parameter::Integer(8, *number), "bigint")
            }
            Value::String(text) => (Parameter::Text(text.clone()), "nvarchar(4000)"),
            Value::Bool(truth) => (Parameter::Bit(*truth), "bit"),
        };
        assert_eq!((sent, declared), (&expected, format!("{name} {kind}").as_str()));
    }
    let sent: Vec<&Parameter> = call.parameters.iter().map(|(_, sent)| sent).collect();
    assert!(sent.contains(&&Parameter::Integer(8, 82)), "{sent:?}");
    assert!(sent.contains(&&Parameter::Integer(8, -3)), "{sent:?}");
    assert!(sent.iter().any(|sent| matches!(sent, Parameter::Text(_))), "{sent:?}");
}

#[tokio::test]
async fn no_session_serves_two_queries() {
    let case = Case::new(one_row()).await;
    for _ in 0..3 {
        case.run().await.unwrap();
    }
    let is_closed = |event: &&Event| **event == Event::Closed;
    case.double.until("three ends", |events| events.iter().filter(is_closed).count() == 3).await;
    assert_eq!(case.double.count(&Event::Opened), 3);
    assert_eq!(case.double.calls().len(), 3);
    assert_eq!(case.double.count(&Event::Attention), 0);
    // The driver sets no such bit; were it to, sessions could be kept.
    assert_eq!(case.double.count(&Event::Reset), 0);
}

#[tokio::test]
async fn a_login_that_is_not_accepted_has_a_code() {
    let differing = Differing { login: "reader:wrong", ..Differing::default() };
    let case = Case::with(one_row(), differing).await;
    assert_eq!(case.run().await, Err(EngineError::Login));
    let gone = Script { database: "elsewhere", ..one_row() };
    assert_eq!(Case::new(gone).await.run().await, Err(EngineError::Login));
    for (number, severity, expected) in [
        (18452, 14, EngineError::Login),
        (17809, 20, EngineError::Full),
        (40613, 17, EngineError::Unavailable),
        (18401, 14, EngineError::Unavailable),
        (40197, 17, EngineError::Unavailable),
    ] {
        let tokens = [tokens::error(number, severity, "secret"), tokens::done()].concat();
        let case = Case::new(Script { refusal: Some(tokens), ..Script::default() }).await;
        assert_eq!(case.run().await, Err(expected), "{number}");
        assert!(case.double.calls().is_empty());
    }
}

#[tokio::test]
async fn a_session_that_is_not_as_asked_runs_nothing() {
    let misreports: [fn(&mut Told); 16] = [
        |told| told.options |= 0x2,
        |told| told.options |= 0x80,
        |told| told.options |= 0x2000,
        |told| told.options &= !0x8,
        |told| told.options &= !0x10,
        |told| told.options &= !0x20,
        |told| told.options &= !0x40,
        |told| told.options &= !0x100,
        |told| told.options &= !0x1000,
        |told| told.options &= !0x4000,
        |told| told.language = "Deutsch",
        |told| told.date_first = 1,
        |told| told.lock_timeout = -1,
        |told| told.text_size = 4096,
        |told| told.isolation = 1,
        |told| told.database = "master",
    ];
    for (index, misreport) in misreports.into_iter().enumerate() {
        let case = Case::new(Script { misreport, ..one_row() }).await;
        assert_eq!(case.run().await, Err(EngineError::Unavailable), "{index}");
        assert!(case.double.calls().is_empty(), "{index}");
    }
    for misreport in
        [|told: &mut Told| told.isolation = 5, |told: &mut Told| told.database = "SHOP"]
    {
        let case = Case::new(Script { misreport, ..one_row() }).await;
        assert!(case.run().await.is_ok());
    }
    let blind = vec![("@@OPTIONS", rows(&[("n", types::fixed(0x38))], &[]))];
    let case = Case::new(Script { answers: blind, ..Script::default() }).await;
    assert_eq!(case.run().await, Err(EngineError::Unavailable));
}

#[tokio::test]
async fn a_login_is_sent_elsewhere_once_and_not_for_ever() {
    let target = crate::servers::tds::Double::start(one_row()).await;
    let go = |port| {
        let tokens = [tokens::routed("127.0.0.1", port), tokens::done()].concat();
        Script { refusal: Some(tokens), ..Script::default() }
    };
    let case = Case::new(go(target.port)).await;
    assert_eq!(case.run().await.unwrap().rows, [[Cell::Integer(7)]]);
    assert_eq!(target.calls().len(), 1);
    // To itself, by the port that it does not know yet: nothing listens there.
    let case = Case::new(go(1)).await;
    assert_eq!(case.run().await, Err(EngineError::Unavailable));
}
