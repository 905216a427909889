//! `/rotate`, as the channel shows it. And the canary: no secret of it is anywhere where people or programs look.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Talk;
use crate::keycloak::asked::briefly;
use crate::keycloak::orders::{CLIENT, Different, Orders};

/// Everything that stands in the list of processes meanwhile.
struct Processes {
    is_over: Arc<AtomicBool>,
    looks: JoinHandle<BTreeSet<Vec<u8>>>,
}

impl Processes {
    fn watched() -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let ends = Arc::clone(&is_over);
        let looks = thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !ends.load(Ordering::Relaxed) {
                for entry in fs::read_dir("/proc").unwrap().flatten() {
                    // One that has ended meanwhile has no line any more.
                    seen.extend(fs::read(entry.path().join("cmdline")));
                }
                thread::sleep(Duration::from_millis(20));
            }
            seen
        });
        Self { is_over, looks }
    }

    fn seen(self) -> BTreeSet<Vec<u8>> {
        self.is_over.store(true, Ordering::Relaxed);
        self.looks.join().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_told_in_the_channel_and_no_secret_of_it_anywhere() {
    let mut orders = Orders::with(Different {
        without: Some("reports"),
        ..Different::default()
    })
    .await;
    let talk = Talk::new().await;
    let home = &mut orders.home;
    talk.joins(home);
    let shipped = |file: &str| fs::read_to_string(file).unwrap();
    let workflow = briefly(&shipped("workflows/rotate.yaml"));
    home.write("workflows/rotate.yaml", &workflow);
    home.write("commands/rotate.yaml", &shipped("commands/rotate.yaml"));
    // All spans and events, those of libraries too.
    home.configure("[log]\nlevel = 'trace'\n[metrics]\nlisten = '127.0.0.1:0'\n");
    home.up().await;
    let figures = format!("http://{}/metrics", home.address_of("figures are served"));
    talk.is_there().await;
    let processes = Processes::watched();

    talk.asks(talk.ann, "/rotate client:orders").await;
    let seen = talk.sees("succeeded").await;
    insta::assert_snapshot!(orders.without_names(&seen), @r"
    #ops
    Purser (to ann's /rotate, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    Purser:
      ┃ rotate · orders
      ┃ ✓ **succeeded** after N s · asked by ann <t:TIME:R>
      ┃ client `orders` · allow\_gap `false`
      ┃ 
      ┃ ✓ **rotate** done in N s
      ┃ 
      ┃ 1 step done
      ┃ Result:
      ┃ ```
      ┃ client: orders
      ┃ consumers:
      ┃     consumer  place                                                        proof
      ┃     orders    LOGIN_SECRET in /srv/x/orders.env  logged_in
      ┃     invoices  /srv/x/invoices                    logged_in
      ┃ gap_seconds: N
      ┃ old_refused: true
      ┃ locked_out_at: TIME
      ┃ message: orders has a new secret, proven by orders (logged in), invoices (logged in): the old one is refused, nobody was seen to be turned away
      ┃ ```
      ┃ — run RUN
    ");

    let new = orders.realm.secret(CLIENT).await;
    assert_ne!(new, orders.old);
    orders.all_use(&new).await;
    let own = fs::read_to_string(orders.home.path("keycloak")).unwrap();
    let metrics = reqwest::get(&figures).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("purser_runs_ended_total"));
    let chat = talk.discord.look(|view| {
        let places = view.threads(talk.ops).into_iter().chain([talk.ops]);
        let messages = places.flat_map(|place| view.messages(place));
        messages
            .map(|message| message.to_string())
            .collect::<String>()
    });
    assert!(chat.contains(CLIENT));
    let processes = processes.seen();
    assert!(processes.iter().any(|line| line.starts_with(b"/web")));
    let all = [&orders.old, &new, &own];
    for secret in all {
        assert!(!metrics.contains(secret.as_str()), "among the figures");
        assert!(!chat.contains(secret.as_str()), "in the chat");
        let holds = |line: &Vec<u8>| {
            line.windows(secret.len())
                .any(|part| part == secret.as_bytes())
        };
        assert!(!processes.iter().any(holds), "in the list of processes");
    }
    orders.nothing_is_kept_of(&all).await;
    orders.close().await;
}
