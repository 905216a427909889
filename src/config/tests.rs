use super::*;
use crate::action::ConnectError;
use crate::domain::chat::Mention;

const FILE: &str = r#"
[store]
path = "state"

[people.maintainer]
roles = ["operator"]
uid = 1000

[systems.orders-db]
kind = "postgres"
url_file = "/run/secrets/orders_db_url"
environment = "staging"
"#;

fn load(text: &str, env: &[(&str, &str)]) -> Result<Config, String> {
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse(Path::new("/etc/purser/purser.toml"), text, env)
        .map_err(|error| error.to_string().replace("/etc/purser/", ""))
}

fn error(text: &str, env: &[(&str, &str)]) -> String {
    match load(text, env) {
        Ok(config) => format!("loaded: {config:?}"),
        Err(error) => error,
    }
}

#[test]
fn what_is_not_written_has_its_default_and_paths_are_beside_the_file() {
    let config = load(
        FILE,
        &[("XDG_RUNTIME_DIR", "/run/user/7"), ("PATH", "/bin")],
    )
    .unwrap();
    assert_eq!(config.store.path, Path::new("/etc/purser/state"));
    assert_eq!(config.catalog.workflows, Path::new("/etc/purser/workflows"));
    assert_eq!(config.engine.concurrent_runs.get(), 16);
    assert_eq!(config.engine.cancel_grace.to_string(), "30s");
    assert_eq!(config.people[0].uid, Some(1000));
    let system = &config.systems["orders-db"];
    assert_eq!(
        (system.kind.as_str(), system.environment.as_str()),
        ("postgres", "staging")
    );
    assert_eq!(system.settings.keys().collect::<Vec<_>>(), ["url_file"]);
}

#[test]
fn the_socket_is_where_its_user_may_write() {
    let sockets = [
        socket_of(true, Some("/run/user/0")),
        socket_of(false, Some("/run/user/7")),
        socket_of(false, None),
    ];
    assert_eq!(
        sockets.map(|path| path.display().to_string()),
        [
            "/run/purser/purser.sock",
            "/run/user/7/purser.sock",
            "/run/purser/purser.sock"
        ]
    );
}

#[test]
fn the_environment_overrides_the_file_and_adds_to_it() {
    let env = [
        ("PURSER__ENGINE__CONCURRENT_RUNS", "3"),
        ("PURSER__ENGINE__CANCEL_GRACE", "1m"),
        ("PURSER__SERVER__GROUP", "\"4711\""),
        ("PURSER__STORE__PATH", "/data"),
        ("PURSER__SYSTEMS__ORDERS_DB__URL_FILE", "/run/other"),
        ("PURSER__SYSTEMS__SHOP__KIND", "docker"),
        ("PURSER_SOMETHING", "else"),
    ];
    let config = load(FILE, &env).unwrap();
    assert_eq!(config.engine.concurrent_runs.get(), 3);
    assert_eq!(config.engine.cancel_grace.to_string(), "1m");
    assert_eq!(config.server.group.as_deref(), Some("4711"));
    assert_eq!(config.store.path, Path::new("/data"));
    assert_eq!(
        config.systems["orders-db"].settings["url_file"].as_str(),
        Some("/run/other")
    );
    assert_eq!(config.systems["shop"].kind, "docker");
}

#[test]
fn every_error_in_the_file_names_its_place_and_the_way_out() {
    let errors = [
        "[sever]\nsocket = \"x\"",
        "[engine]\nconcurent_runs = 3",
        "[engine]\nconcurrent_runs = \"many\"",
        "[engine]\nconcurrent_runs = 0",
        "[engine]\ncancel_grace = \"soon\"",
        "[schedules]\ntimezone = \"Istanbul\"",
        "[log]\nformat = \"jsn\"",
        "[people.a]\nuid = 1000",
        "[people.a]\nroles = []\nuid = 7\n\n[people.b]\nroles = []\nuid = 7",
        "[people.a]\nroles = []\nmatrix = \"1\"",
        "[people.a]\nroles = []\ndiscord = \"ann\"",
        "[people.a]\nroles = []\ndiscord = \"7\"\n[people.b]\nroles = []\ndiscord = \"7\"",
        "[discord]\nguilds = [\"1\"]",
        "[discord]\ntoken_file = \"t\"\nguilds = []",
        "[discord]\ntoken_file = \"t\"\nguilds = [\"shop\"]",
        "[discord]\ntoken_file = \"t\"\nguilds = [\"1\"]\n[discord.roles]\nops = [\"operator\"]",
        "[discord]\ntoken_file = \"t\"\nguilds = [\"1\"]\npublic_key = \"12\"",
        "[discord]\ntoken_file = \"t\"\nguilds = [\"1\"]\napi = \"discord.com\"",
        "[systems.shop]\nhost = \"x\"",
        "[systems.shop]\nkin = \"docker\"",
        "[systems.shop]\nkind = 5",
        "[systems]\nshop = 5",
        "[systems.\"a/b\"]\nkind = \"docker\"",
        "[store]\npath = ",
        "[store]\npath = \"a\"\npath = \"b\"",
        "[store\npath = 1",
    ]
    .map(|text| error(text, &[]))
    .join("\n");
    insta::assert_snapshot!(errors, @r#"
    purser.toml:1:2: unknown field `sever`; did you mean `server`?
    purser.toml:2:1: unknown field `concurent_runs`; did you mean `concurrent_runs`?
    purser.toml:2:19: in `engine.concurrent_runs`: invalid type: string "many", expected a whole number above 0
    purser.toml:2:19: in `engine.concurrent_runs`: invalid value: integer `0`, expected a whole number above 0
    purser.toml:2:16: in `engine.cancel_grace`: `soon` is not a length of time (expected number at 0): write 30s, 5m, 2h or 1d
    purser.toml:2:12: in `schedules.timezone`: unknown time zone `Istanbul`; did you mean `Europe/Istanbul`?
    purser.toml:2:10: in `log.format`: unknown variant `jsn`; did you mean `json`?
    purser.toml:1:1: in `people.a`: missing field `roles`
    purser.toml:7:1: the uid 7 is a's already: one identity belongs to one person
    purser.toml:3:1: unknown field `matrix`, expected one of `roles`, `uid`, `discord`
    purser.toml:3:1: [people.a] discord: `ann` is no id of Discord: that is a number of up to 20 digits, which `Copy ID` gives in Discord's developer mode
    purser.toml:6:1: the discord id 7 is a's already: one identity belongs to one person
    purser.toml:1:2: [discord]: one of `token_file`, a path, and `token_secret`, a secret's name, is needed
    purser.toml:3:1: [discord] guilds: name the Discord servers in which Purser answers, by their ids
    purser.toml:3:1: [discord] guilds: `shop` is no id of Discord: that is a number of up to 20 digits, which `Copy ID` gives in Discord's developer mode
    purser.toml:5:1: [discord.roles]: `ops` is no id of Discord: that is a number of up to 20 digits, which `Copy ID` gives in Discord's developer mode
    purser.toml:4:1: [discord] public_key: that is no key: it has 64 hexadecimal digits, and stands on the application's first page in the developer portal
    purser.toml:4:1: [discord] api: `discord.com` is no address: it begins with https://
    purser.toml:1:10: [systems.shop] has no `kind`: write which integration it belongs to, as in `kind = "docker"`
    purser.toml:1:10: [systems.shop] has no `kind` (is it `kin`?): write which integration it belongs to, as in `kind = "docker"`
    purser.toml:2:1: [systems.shop]: `kind` must be text, and is 5
    purser.toml:2:8: in `systems.shop`: invalid type: integer `5`, expected a table
    purser.toml:1:10: `a/b` cannot be the name of a system: use letters, digits, - and _
    purser.toml:2:8: string values must be quoted, expected literal string
    purser.toml:3:1: duplicate key
    purser.toml:1:7: unclosed table, expected `]`
    "#);
}

#[test]
fn every_error_in_the_environment_names_its_variable() {
    let errors = [
        ("PURSER__ENGINE__CONCURRENT_RUNS", "many"),
        ("PURSER__ENGIN__CONCURRENT_RUNS", "1"),
        ("PURSER__ENGINE__CONCURENT_RUNS", "1"),
        ("PURSER__LOG__LEVEL", "wran"),
        ("PURSER__LOG", "debug"),
        ("PURSER__LOG__", "debug"),
        ("PURSER__STORE__PATH__DEEPER", "x"),
        ("PURSER__PEOPLE__MAINTAINER__ROLES", "[\"a\"]"),
        ("PURSER__SYSTEMS__SHOP__HOST", "x"),
        ("PURSER__SYSTEMS__ORDERS_DB__KIND", "5"),
    ]
    .map(|variable| error(FILE, &[variable]))
    .join("\n");
    insta::assert_snapshot!(errors, @r#"
    PURSER__ENGINE__CONCURRENT_RUNS: in `engine.concurrent_runs`: invalid type: string "many", expected a whole number above 0
    PURSER__ENGIN__CONCURRENT_RUNS: unknown field `engin`; did you mean `engine`?
    PURSER__ENGINE__CONCURENT_RUNS: unknown field `concurent_runs`; did you mean `concurrent_runs`?
    PURSER__LOG__LEVEL: in `log.level`: unknown variant `wran`; did you mean `warn`?
    PURSER__LOG: names no value: write PURSER__SECTION__KEY, as in PURSER__LOG__LEVEL
    PURSER__LOG__: names no value: write PURSER__SECTION__KEY, as in PURSER__LOG__LEVEL
    PURSER__STORE__PATH__DEEPER: `path` is a value in the file and holds no other
    PURSER__PEOPLE__MAINTAINER__ROLES: in `people.maintainer.roles`: invalid type: string "[\"a\"]", expected a list
    PURSER__SYSTEMS__SHOP__HOST: [systems.shop] has no `kind`: write which integration it belongs to, as in `kind = "docker"`
    PURSER__SYSTEMS__ORDERS_DB__KIND: [systems.orders-db]: `kind` must be text, and is 5
    "#);
}

#[test]
fn an_integrations_complaint_points_at_the_key_that_it_is_about() {
    let config = load(FILE, &[("PURSER__SYSTEMS__SHOP__KIND", "docker")]).unwrap();
    let explain = |system: &str, message: &str| {
        let error = ConnectError {
            system: system.into(),
            message: message.into(),
        };
        config
            .explain(&error)
            .to_string()
            .replace("/etc/purser/", "")
    };
    let errors = [
        explain("orders-db", "unknown field `url_file`; did you mean `url`?"),
        explain(
            "orders-db",
            "the secret file /run/secrets/orders_db_url is empty",
        ),
        explain("orders-db", "missing field `host`"),
        explain("shop", "missing field `host`"),
        config
            .system_error(&"orders-db".into(), Some("kind"), "unknown kind `postgres`")
            .to_string(),
    ]
    .join("\n");
    insta::assert_snapshot!(errors, @"
    purser.toml:11:1: [systems.orders-db]: unknown field `url_file`; did you mean `url`?
    purser.toml:11:1: [systems.orders-db]: the secret file /run/secrets/orders_db_url is empty
    purser.toml:9:10: [systems.orders-db]: missing field `host`
    PURSER__SYSTEMS__SHOP__KIND: [systems.shop]: missing field `host`
    /etc/purser/purser.toml:10:1: unknown kind `postgres`
    ");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load(Path::new("/nowhere/purser.toml"), [])
        .unwrap_err()
        .to_string();
    insta::assert_snapshot!(error, @"/nowhere/purser.toml: the configuration cannot be read: No such file or directory (os error 2)");
}

proptest::proptest! {
    #[test]
    fn no_text_and_no_variable_is_too_strange(
        text in "[\\[\\]a-z\\.\"'={}\n0-9ä ]{0,80}",
        name in "PURSER__[A-Za-z_ä\\.]{0,20}",
        value in ".{0,12}",
    ) {
        let _ = Config::parse(Path::new("purser.toml"), &text, [(name.clone(), value.clone())]);
        let _ = Config::parse(Path::new("purser.toml"), FILE, [(name, value)]);
    }
}

const PLACES: &str = "
[places.ops]
webhook_file = \"ops\"
[places.relay]
webhook = \"https://relay.example/in\"
";

/// What is wrong when this stands below two places.
fn told(notify: &str) -> String {
    match load(&format!("{PLACES}{notify}"), &[]) {
        Ok(_) => "loaded".to_owned(),
        Err(error) => error,
    }
}

#[test]
fn success_is_quiet_failure_is_loud_and_the_digest_goes_by_the_clock_of_schedules() {
    let notify = "[notify]\nscheduled = 'ops'\ndigest = '0 9 * * *'\nfallback = 'relay'\n\
                  [schedules]\ntimezone = 'Europe/Istanbul'\n";
    let config = load(&format!("{PLACES}{notify}"), &[]).unwrap();
    let notify = &config.notify;
    assert_eq!(notify.on, crate::domain::notice::On::default());
    let digest = notify.digest.as_ref().unwrap().to_string();
    assert_eq!(digest, "0 9 * * * Europe/Istanbul");
    let fallback = notify.fallback.as_ref().unwrap();
    assert_eq!(fallback.1, Duration::from_mins(10));
    let shown = format!("{:?}", config.places);
    assert!(!shown.contains("relay.example"), "{shown}");
}

#[test]
fn what_is_wrong_with_telling_is_said_with_its_place() {
    let wrong = [
        "[notify]\nscheduled = 'opps'\n",
        "[notify]\nfallback = 'mail'\n",
        "[notify]\nscheduled = 'ops'\nfallback = 'ops'\n",
        "[notify]\nfallback_after = '5m'\n",
        "[notify]\ndigest = '0 9 * * *'\n",
        "[notify]\nscheduled = 'ops'\ndigest = '0 25 * * *'\n",
        "[notify]\non = { failure = 'lod' }\n",
        "[notify]\non = { failed = 'loud' }\n",
        "[places.chat]\nformat = 'text'\n",
        "[places.chat]\nwebhook = 'a'\nwebhook_file = 'b'\n",
        "[places.chat]\nwebhook = 'a'\nformat = 'txt'\n",
        "[places.'a b']\nwebhook = 'a'\n",
        "[places.chat]\nwebhook = 'a'\nmention = '@oncall'\n",
    ];
    let told: Vec<_> = wrong.iter().map(|notify| told(notify)).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    purser.toml:7:1: [notify] scheduled: unknown place `opps`; did you mean `ops`?
    purser.toml:7:1: [notify] fallback: unknown place `mail`; there is `ops`, `relay`
    purser.toml:8:1: [notify] fallback: what a place does not take cannot go to the same place
    purser.toml:7:1: [notify] fallback_after: there is no `fallback`
    purser.toml:7:1: [notify] digest: it goes to the place of `scheduled`, which is not set
    purser.toml:8:1: [notify] digest: column 3: the hour 25 is not in 0 to 23
    purser.toml:7:18: in `notify.on.failure`: unknown variant `lod`; did you mean `loud`?
    purser.toml:7:8: unknown field `failed`; did you mean `failure`?
    purser.toml:6:9: [places.chat]: it needs `webhook`, the address to post to, or `discord`, the id of a channel; `webhook_file` and `webhook_secret` say where an address is kept
    purser.toml:6:9: [places.chat]: there is more than one of `webhook`, `webhook_file` and `webhook_secret`: keep one of them
    purser.toml:8:10: in `places.chat.format`: unknown variant `txt`; did you mean `text`?
    purser.toml:6:9: `a b` cannot be the name of a place: use letters, digits, - and _
    purser.toml:6:9: [places.chat]: `mention` is for `format = "text"`; without it the place gets events for programs
    "#);
}

const BOT: &str = "[discord]\ntoken_file = 'token'\nguilds = ['41771983423143937']\n";

#[test]
fn a_channel_of_discord_is_a_place_that_may_call_a_role_or_a_user() {
    let mention = |text: &str| {
        let places = format!("[places.ops]\ndiscord = '7'\nmention = '{text}'\n");
        let config = load(&format!("{BOT}{places}"), &[]).unwrap();
        match &config.places["ops"] {
            PlaceConfig::Discord(ChannelConfig { channel, mention }) => {
                assert_eq!(channel, "7");
                mention.clone().unwrap()
            }
            PlaceConfig::Webhook(webhook) => panic!("{webhook:?}"),
        }
    };
    let (role, user) = (Mention::Role("12".into()), Mention::User("12".into()));
    assert_eq!([mention("<@&12>"), mention("12")], [role.clone(), role]);
    assert_eq!([mention("<@12>"), mention("<@!12>")], [user.clone(), user]);
}

#[test]
fn what_is_wrong_with_a_channel_of_discord_is_said_with_its_place() {
    let with_bot = [
        "discord = '#ops'",
        "discord = '7'\nwebhook = 'https://chat.example'",
        "discord = '7'\nformat = 'text'",
        "discord = '7'\nsecret_file = 'whsec'",
        "discord = '7'\nmention = '@oncall'",
        "discord = '7'\nmention = '<@&oncall>'",
        "discrod = '7'",
    ];
    let with_bot = with_bot.map(|place| error(&format!("{BOT}[places.ops]\n{place}\n"), &[]));
    let alone = error("[places.ops]\ndiscord = '7'\n", &[]);
    insta::assert_snapshot!(format!("{}\n{alone}", with_bot.join("\n")), @"
    purser.toml:5:1: [places.ops] discord: `#ops` is no id of Discord: that is a number of up to 20 digits, which `Copy ID` gives in Discord's developer mode
    purser.toml:5:1: [places.ops] discord: a place is an address or a channel of Discord: keep `webhook` or `discord`
    purser.toml:6:1: [places.ops] format: it is for addresses; a channel of Discord gets text for people
    purser.toml:6:1: [places.ops] secret_file: it is for addresses; what goes to Discord is not signed
    purser.toml:6:1: [places.ops] mention: `@oncall` calls nobody in Discord: write <@&ROLE> or <@USER>, with the id of a role or a user
    purser.toml:6:1: [places.ops] mention: `<@&oncall>` calls nobody in Discord: write <@&ROLE> or <@USER>, with the id of a role or a user
    purser.toml:5:1: unknown field `discrod`; did you mean `discord`?
    purser.toml:2:1: [places.ops] discord: there is no [discord], which says where the bot's token is
    ");
}
