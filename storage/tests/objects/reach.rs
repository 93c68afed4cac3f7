//! What a wrong setting of the object store comes to: one line that names it.

use storage::objects::ObjectsConfig;
use storage::objects::reach::reach;

use crate::config;
use crate::embedded::start;

async fn refused(config: &ObjectsConfig) -> String {
    let said = reach(config).await.expect_err("it is wrong").to_string();
    assert!(!said.contains('\n') && said.len() < 300, "one line: {said}");
    assert!(!said.contains(&config.secret_key), "{said}");
    said
}

#[tokio::test]
async fn a_wrong_setting_of_the_object_store_is_told_in_one_line_by_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = start(folder.path()).await;
    let right = config(running.addr.port());
    reach(&right).await.expect("the bucket is made");
    reach(&right).await.expect("the bucket is found");

    let wrong = ObjectsConfig { access_key: "nobody".into(), ..right.clone() };
    let said = refused(&wrong).await;
    assert!(said.contains("bucket contract: ") && said.contains("S3_ACCESS_KEY"), "{said}");
    let wrong = ObjectsConfig { secret_key: "not-the-secret".into(), ..right.clone() };
    let said = refused(&wrong).await;
    assert!(said.ends_with("the secret key is wrong; check S3_SECRET_KEY"), "{said}");
    let wrong = ObjectsConfig { bucket: "No Such".into(), ..right.clone() };
    assert!(refused(&wrong).await.contains("S3_BUCKET"));
    let wrong = ObjectsConfig { endpoint: "http://nowhere.invalid:9000".into(), ..right };
    let said = refused(&wrong).await;
    assert!(said.ends_with("no host `nowhere.invalid` is known; check S3_ENDPOINT"), "{said}");

    running.shutdown().await;
    let said = refused(&config(1)).await;
    assert!(
        said.contains("at http://127.0.0.1:1") && said.contains("nothing listens there"),
        "{said}"
    );
}

#[tokio::test]
async fn what_is_no_object_store_is_told_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 4_096];
                if stream.read(&mut asked).await.is_ok_and(|read| read > 0) {
                    let answer = "HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    let said = refused(&config(port)).await;
    assert!(said.ends_with("what answers there is no S3 service; check S3_ENDPOINT"), "{said}");
}
