//! Sits between a program and its PostgreSQL. It forwards everything until a test makes it lose the
//! answer to a commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A lossy connection to a server.
pub struct Lossy {
    port: u16,
    loses: Arc<AtomicBool>,
}

impl Lossy {
    pub async fn before(server: (String, u16)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let loses = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&loses);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server.clone()).await.unwrap();
                // Either side may close at any moment.
                tokio::spawn(pass(client, server, Arc::clone(&shared)));
            }
        });
        Self { port, loses }
    }

    /// Returns the URL of a database behind it.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://switchhook@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes the next commit lose its answer: the server commits, and the connection ends.
    pub fn lose_an_answer(&self) {
        self.loses.store(true, Ordering::SeqCst);
    }

    /// Returns whether a commit's answer has been lost.
    pub fn has_lost(&self) -> bool {
        !self.loses.load(Ordering::SeqCst)
    }
}

async fn pass(
    mut client: TcpStream,
    mut server: TcpStream,
    loses: Arc<AtomicBool>,
) -> std::io::Result<()> {
    let (mut asked, mut said) = (Vec::new(), Vec::new());
    loop {
        tokio::select! {
            read = client.read_buf(&mut asked) => {
                let is_commit = asked.windows(6).any(|window| window == b"COMMIT");
                if read? == 0 {
                    return Ok(());
                }
                server.write_all(&asked).await?;
                asked.clear();
                if is_commit && loses.swap(false, Ordering::SeqCst) {
                    return server.read_buf(&mut said).await.map(drop);
                }
            }
            read = server.read_buf(&mut said) => {
                if read? == 0 {
                    return Ok(());
                }
                client.write_all(&said).await?;
                said.clear();
            }
        }
    }
}
