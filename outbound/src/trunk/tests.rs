use super::*;

fn trunk(json: serde_json::Value) -> TrunkConfig {
    let mut whole = serde_json::json!({ "name": "Line 1", "concurrency": 30 });
    let object = whole.as_object_mut().unwrap();
    object.extend(json.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

#[test]
fn a_trunk_with_its_defaults_is_right() {
    let trunk = trunk(serde_json::json!({}));
    assert_eq!(trunk.check(), Ok(()));
    assert_eq!(trunk.codecs, [Codec::Pcma, Codec::Pcmu]);
    assert!(trunk.in_service && trunk.breaker.enabled);
    assert_eq!(trunk.calls_per_second, None);
}

#[test]
fn a_status_mapping_is_keyed_by_a_sip_status_alone_or_with_a_cause() {
    let check = |key: &str| trunk(serde_json::json!({ "status_mapping": { key: "busy" } })).check();
    for key in ["300", "486", "699", "503/1", "503/34", "503/127"] {
        assert_eq!(check(key), Ok(()), "{key}");
    }
    for key in [
        "", "busy", "299", "700", "1000", "+486", "0486", "048", "486/", "/34", "503/0", "503/128",
        "503/034", "503/+99", "503/34/1", "299/34",
    ] {
        assert!(check(key).is_err(), "{key}");
    }
}

#[test]
fn a_simulated_line_may_take_the_same_time_for_every_call() {
    let line =
        serde_json::json!({ "setup_ms": [0, 0], "ring_ms": [5, 5], "talk_ms": [0, 7_200_000] });
    assert_eq!(trunk(serde_json::json!({ "simulated": line })).check(), Ok(()));
}

#[test]
fn a_simulated_line_takes_every_customer_that_it_names_and_no_other() {
    let check = |personas: &[&str]| {
        trunk(serde_json::json!({ "simulated": { "personas": personas } })).check()
    };
    assert_eq!(check(&PERSONAS), Ok(()));
    let faults = check(&["polite", "asleep"]).unwrap_err();
    let found: Vec<_> = faults.iter().map(|f| (&*f.pointer, &*f.code)).collect();
    assert_eq!(found, [("/simulated/personas/1", "unknown_persona")]);
    assert!(faults[0].detail.contains("asks_in_pieces, attentive"), "{}", faults[0].detail);
}

#[test]
fn each_bound_of_a_trunk_is_named() {
    for (json, pointer, code) in [
        (serde_json::json!({ "name": " " }), "/name", "required"),
        (serde_json::json!({ "concurrency": 0 }), "/concurrency", "too_small"),
        (serde_json::json!({ "concurrency": 10_001 }), "/concurrency", "too_large"),
        (serde_json::json!({ "calls_per_second": 0 }), "/calls_per_second", "too_small"),
        (serde_json::json!({ "codecs": [] }), "/codecs", "too_few"),
        (serde_json::json!({ "breaker": { "calls": 0 } }), "/breaker/calls", "too_small"),
        (
            serde_json::json!({ "status_mapping": { "200": "busy" } }),
            "/status_mapping/200",
            "not_a_sip_status",
        ),
        (
            serde_json::json!({ "status_mapping": { "503/128": "busy" } }),
            "/status_mapping/503~1128",
            "not_a_sip_status",
        ),
        (
            serde_json::json!({ "simulated": { "mix": { "asleep": 1 } } }),
            "/simulated/mix/asleep",
            "unknown_outcome",
        ),
        (serde_json::json!({ "simulated": { "mix": {} } }), "/simulated/mix", "required"),
        (
            serde_json::json!({ "simulated": { "mix": { "busy": 0 } } }),
            "/simulated/mix",
            "required",
        ),
        (serde_json::json!({ "simulated": { "ring_ms": [2, 1] } }), "/simulated/ring_ms", "falls"),
        (
            serde_json::json!({ "simulated": { "refuse_percent": 101 } }),
            "/simulated/refuse_percent",
            "too_large",
        ),
    ] {
        let faults = trunk(json).check().unwrap_err();
        let found: Vec<_> = faults.iter().map(|f| (&*f.pointer, &*f.code)).collect();
        assert_eq!(found, [(pointer, code)]);
    }
}

fn sip(json: serde_json::Value) -> TrunkConfig {
    let mut section = serde_json::json!({ "hosts": [{ "host": "sip.example.com" }] });
    section.as_object_mut().unwrap().extend(json.as_object().unwrap().clone());
    trunk(serde_json::json!({ "driver": "sip", "sip": section }))
}

fn codes(trunk: &TrunkConfig) -> Vec<(String, String)> {
    let faults = trunk.check().err().unwrap_or_default();
    faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
}

#[test]
fn a_driver_needs_its_section_and_takes_its_defaults() {
    let bare = trunk(serde_json::json!({ "driver": "sip" }));
    assert_eq!(codes(&bare), [("/sip".to_owned(), "required".to_owned())]);
    assert_eq!(sip(serde_json::json!({})).check(), Ok(()));
    let section = sip(serde_json::json!({})).sip.unwrap();
    assert_eq!((section.transport, section.srtp), (SipTransport::Udp, Srtp::Off));
    assert_eq!((section.options_seconds, section.prack), (Some(30), Prack::Supported));
}

#[test]
fn each_bound_of_a_sip_trunk_is_named() {
    let many: Vec<_> = (0..9).map(|_| serde_json::json!({ "host": "a" })).collect();
    for (json, pointer, code) in [
        (serde_json::json!({ "hosts": [] }), "/sip/hosts", "too_few"),
        (serde_json::json!({ "hosts": many }), "/sip/hosts", "too_many"),
        (serde_json::json!({ "hosts": [{ "host": "-a.b" }] }), "/sip/hosts/0/host", "not_a_host"),
        (serde_json::json!({ "hosts": [{ "host": "a b" }] }), "/sip/hosts/0/host", "not_a_host"),
        (
            serde_json::json!({ "hosts": [{ "host": "a", "port": 0 }] }),
            "/sip/hosts/0/port",
            "too_small",
        ),
        (
            serde_json::json!({ "hosts": [{ "host": "192.0.2.1" }], "transport": "tls" }),
            "/sip/server_name",
            "required",
        ),
        (serde_json::json!({ "server_name": "a..b" }), "/sip/server_name", "not_a_host"),
        (serde_json::json!({ "domain": "a@b" }), "/sip/domain", "not_a_host"),
        (serde_json::json!({ "certificates": "x" }), "/sip/certificates", "not_a_certificate"),
        (serde_json::json!({ "user": "a\"b" }), "/sip/user", "not_a_sip_user"),
        (serde_json::json!({ "password": "hush" }), "/sip/user", "required"),
        (serde_json::json!({ "user": "a", "password": "" }), "/sip/password", "required"),
        (serde_json::json!({ "user": "a", "password": "********" }), "/sip/password", "masked"),
        (serde_json::json!({ "registration": {} }), "/sip/user", "required"),
        (
            serde_json::json!({ "user": "a", "registration": { "expires_seconds": 59 } }),
            "/sip/registration/expires_seconds",
            "too_small",
        ),
        (serde_json::json!({ "options_seconds": 4 }), "/sip/options_seconds", "too_small"),
        (serde_json::json!({ "callee_format": "x" }), "/sip/callee_format", "not_a_number_format"),
        (serde_json::json!({ "headers": { "Via": "x" } }), "/sip/headers/Via", "own_header"),
        (serde_json::json!({ "headers": { "v": "x" } }), "/sip/headers/v", "own_header"),
        (serde_json::json!({ "headers": { "X:Y": "x" } }), "/sip/headers/X:Y", "not_a_header"),
        (
            serde_json::json!({ "headers": { "X-A": "x\r\nTo: y" } }),
            "/sip/headers/X-A",
            "not_a_header_value",
        ),
        (
            serde_json::json!({ "session_timer": { "seconds": 89 } }),
            "/sip/session_timer/seconds",
            "too_small",
        ),
    ] {
        let found = codes(&sip(json.clone()));
        assert_eq!(found, [(pointer.to_owned(), code.to_owned())], "{json}");
    }
}

#[test]
fn a_password_is_written_and_never_read_back() {
    let config = sip(serde_json::json!({ "user": "a", "password": "hush" }));
    let shown = format!("{config:?} {}", serde_json::json!(config));
    assert!(!shown.contains("hush") && shown.contains("********"), "{shown}");
    let secrets = config.secrets();
    assert!(!format!("{secrets:?}").contains("hush"));
    // As it is stored, read, and written back by a person who has seen the mask.
    let stored = serde_json::json!(secrets);
    let mut read: TrunkConfig = serde_json::from_value(serde_json::json!(config)).unwrap();
    assert!(read.check().is_err(), "a mask is no password");
    read.reunite(&serde_json::from_value(stored).unwrap());
    assert_eq!(read, config);
    assert_eq!(read.check(), Ok(()));
}

fn asterisk(json: serde_json::Value) -> TrunkConfig {
    let mut section = serde_json::json!({
        "ari_url": "http://pbx.example.com:8088/ari", "user": "clara", "password": "hush",
        "dial_string": "PJSIP/{number}@carrier",
    });
    section.as_object_mut().unwrap().extend(json.as_object().unwrap().clone());
    trunk(serde_json::json!({ "driver": "asterisk", "asterisk": section }))
}

#[test]
fn an_asterisk_trunk_needs_its_section_and_takes_its_defaults() {
    let bare = trunk(serde_json::json!({ "driver": "asterisk" }));
    assert_eq!(codes(&bare), [("/asterisk".to_owned(), "required".to_owned())]);
    let config = asterisk(serde_json::json!({}));
    assert_eq!(config.check(), Ok(()));
    let section = config.asterisk.unwrap();
    assert_eq!((section.media, section.sound), (AsteriskMedia::Websocket, AsteriskSound::Slin));
    assert_eq!((&*section.app, section.own_audio_kind()), ("callwright", Some(0x10)));
    assert_eq!(section.audio_kinds[&0x18], 192_000);
    assert_eq!(section.dial("+86138"), "PJSIP/+86138@carrier");
}

#[test]
fn an_older_build_may_send_other_kinds_of_audio() {
    let older = asterisk(serde_json::json!({ "audio_kinds": { "16": 8000, "17": 16000 } }));
    assert_eq!(older.check(), Ok(()));
    assert_eq!(older.asterisk.unwrap().audio_kinds[&0x11], 16_000);
}

#[test]
fn each_bound_of_an_asterisk_trunk_is_named() {
    let many: BTreeMap<String, &str> = (0..21).map(|number| (format!("V{number}"), "x")).collect();
    for (json, pointer, code) in [
        (serde_json::json!({ "ari_url": "pbx:8088" }), "/asterisk/ari_url", "not_a_url"),
        (serde_json::json!({ "ari_url": "http://a:b@pbx" }), "/asterisk/ari_url", "not_a_url"),
        (serde_json::json!({ "ari_url": "http:///ari" }), "/asterisk/ari_url", "not_a_url"),
        (serde_json::json!({ "user": "a:b" }), "/asterisk/user", "not_a_word"),
        (serde_json::json!({ "user": "" }), "/asterisk/user", "not_a_word"),
        (serde_json::json!({ "password": "" }), "/asterisk/password", "required"),
        (serde_json::json!({ "password": "********" }), "/asterisk/password", "masked"),
        (serde_json::json!({ "app": "a b" }), "/asterisk/app", "not_a_word"),
        (serde_json::json!({ "dial_string": "x" }), "/asterisk/dial_string", "not_a_dial_string"),
        (
            serde_json::json!({ "dial_string": "PJSIP/{number}{number}" }),
            "/asterisk/dial_string",
            "not_a_dial_string",
        ),
        (
            serde_json::json!({ "dial_string": "{number}/PJSIP" }),
            "/asterisk/dial_string",
            "not_a_dial_string",
        ),
        (
            serde_json::json!({ "callee_format": "x" }),
            "/asterisk/callee_format",
            "not_a_number_format",
        ),
        (serde_json::json!({ "variables": many }), "/asterisk/variables", "too_many"),
        (
            serde_json::json!({ "variables": { "A=B": "x" } }),
            "/asterisk/variables/A=B",
            "not_a_variable",
        ),
        (
            serde_json::json!({ "variables": { "A": "x\ny" } }),
            "/asterisk/variables/A",
            "not_a_variable_value",
        ),
        (
            serde_json::json!({ "media": "audiosocket", "sound": "ulaw" }),
            "/asterisk/sound",
            "not_of_audiosocket",
        ),
        (serde_json::json!({ "audio_kinds": {} }), "/asterisk/audio_kinds", "too_few"),
        (
            serde_json::json!({ "audio_kinds": { "3": 8000 } }),
            "/asterisk/audio_kinds/3",
            "not_an_audio_kind",
        ),
        (
            serde_json::json!({ "audio_kinds": { "16": 8001 } }),
            "/asterisk/audio_kinds/16",
            "not_an_audio_kind",
        ),
        (
            serde_json::json!({ "audio_kinds": { "17": 16000 } }),
            "/asterisk/audio_kinds",
            "required",
        ),
    ] {
        let found = codes(&asterisk(json.clone()));
        assert_eq!(found, [(pointer.to_owned(), code.to_owned())], "{json}");
    }
}

#[test]
fn the_password_of_ari_is_kept_as_that_of_sip() {
    let config = asterisk(serde_json::json!({}));
    let shown = format!("{config:?} {}", serde_json::json!(config));
    assert!(!shown.contains("hush") && shown.contains("********"), "{shown}");
    let stored = serde_json::json!(config.secrets());
    let mut read: TrunkConfig = serde_json::from_value(serde_json::json!(config)).unwrap();
    read.reunite(&serde_json::from_value(stored).unwrap());
    assert_eq!(read, config);
}
