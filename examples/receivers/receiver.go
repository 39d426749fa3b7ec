// Receives the documents of Switchhook and stores each one once, as a file named by its id.
//
//	mkdir documents
//	WEBHOOK_SECRETS="whsec_…" go run receiver.go --listen 127.0.0.1:8088 --folder documents
//
// WEBHOOK_SECRETS holds the secrets of the webhook, separated by spaces; two while they are rotated.
// Go 1.19 or later, standard library only. docs/receivers.md explains each check.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	bodyLimit = 4 << 20
	// Bytes of a refused body that are read first: a sender that is still writing would miss the reply.
	discardLimit = 16 * bodyLimit
	tolerance    = 5 * time.Minute
)

var (
	// An id has no dot: the signed text is "id.timestamp.body", and a dot would make it ambiguous.
	// It is a file's name too, so it has no slash either.
	isID        = regexp.MustCompile(`\A[A-Za-z0-9_-]{1,128}\z`).MatchString
	isTimestamp = regexp.MustCompile(`\A[0-9]{1,12}\z`).MatchString
)

func readKeys(text string) ([][]byte, error) {
	var keys [][]byte
	for i, secret := range strings.Fields(text) {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			return nil, fmt.Errorf("secret %d of WEBHOOK_SECRETS is not base64 after whsec_", i+1)
		}
		if len(key) < 24 || len(key) > 64 {
			return nil, fmt.Errorf("secret %d of WEBHOOK_SECRETS has %d bytes; it needs 24 to 64", i+1, len(key))
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("WEBHOOK_SECRETS is not set; set it to the signing secret of the webhook")
	}
	return keys, nil
}

// whyRefused says why a request is not genuine; it is empty when it is.
func whyRefused(keys [][]byte, header http.Header, body []byte, now time.Time) string {
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	if !isID(id) {
		return "webhook-id is missing or malformed"
	}
	if !isTimestamp(timestamp) {
		return "webhook-timestamp is missing or malformed"
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if off := now.Sub(time.Unix(seconds, 0)); err != nil || off > tolerance || off < -tolerance {
		return "webhook-timestamp is more than five minutes off; compare the clocks"
	}
	isGenuine := false
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.", id, timestamp)
		// The body as it came: a document that was parsed and written again has other bytes.
		mac.Write(body)
		expected := []byte(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		for _, entry := range strings.Split(header.Get("webhook-signature"), " ") {
			if strings.HasPrefix(entry, "v1,") && hmac.Equal([]byte(entry[len("v1,"):]), expected) {
				isGenuine = true
			}
		}
	}
	if isGenuine {
		return ""
	}
	return "no signature of webhook-signature fits"
}

func syncFolder(folder string) error {
	opened, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer opened.Close()
	return opened.Sync()
}

// put stores a document; isNew is false when its id is there already.
func put(folder, id string, body []byte) (isNew bool, err error) {
	part, err := os.CreateTemp(folder, id+".*.part")
	if err != nil {
		return false, err
	}
	defer os.Remove(part.Name())
	_, err = part.Write(body)
	if err == nil {
		err = part.Sync()
	}
	if closed := part.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return false, err
	}
	// Exclusive, and only of a whole file: a crash never leaves a document that is half written
	// under its id, which the repeat would then take for stored.
	err = os.Link(part.Name(), filepath.Join(folder, id+".document"))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	isNew = err == nil
	// Of a repeat too: the first request may have died before it came to this.
	return isNew, syncFolder(folder)
}

type receiver struct {
	keys   [][]byte
	folder string
}

func (r receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, http.StatusMethodNotAllowed, "send documents by POST")
		return
	}
	if request.ContentLength > bodyLimit {
		tooLarge(w, request)
		return
	}
	body, err := io.ReadAll(io.LimitReader(request.Body, bodyLimit+1))
	if err != nil {
		// Half a document is none, and its sender is gone.
		panic(http.ErrAbortHandler)
	}
	if len(body) > bodyLimit {
		tooLarge(w, request)
		return
	}
	if why := whyRefused(r.keys, request.Header, body, time.Now()); why != "" {
		refuse(w, http.StatusUnauthorized, why)
		return
	}
	id := request.Header.Get("webhook-id")
	isNew, err := put(r.folder, id, body)
	if err != nil {
		log.Printf("cannot store %s: %v", id, err)
		w.Header().Set("Retry-After", "10")
		refuse(w, http.StatusServiceUnavailable, "the document could not be stored")
		return
	}
	// The document is on the disk. Only now may the sender forget it.
	w.WriteHeader(http.StatusNoContent)
	if isNew {
		fmt.Printf("stored %s, %d bytes\n", id, len(body))
	} else {
		fmt.Printf("repeat %s\n", id)
	}
}

func refuse(w http.ResponseWriter, status int, why string) {
	http.Error(w, why, status)
	log.Printf("replied %d: %s", status, why)
}

func tooLarge(w http.ResponseWriter, request *http.Request) {
	io.CopyN(io.Discard, request.Body, discardLimit)
	refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("a document has at most %d bytes", bodyLimit))
}

func run() error {
	listen := flag.String("listen", "127.0.0.1:8088", "`HOST:PORT`; port 0: any free one")
	folder := flag.String("folder", "documents", "where documents are stored; must exist")
	flag.Parse()
	keys, err := readKeys(os.Getenv("WEBHOOK_SECRETS"))
	if err != nil {
		return err
	}
	if found, err := os.Stat(*folder); err != nil || !found.IsDir() {
		return fmt.Errorf("the folder %s is not there; make it with mkdir", *folder)
	}
	// A crash left them; nobody got a 2xx for them.
	left, _ := filepath.Glob(filepath.Join(*folder, "*.part"))
	for _, path := range left {
		os.Remove(path)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           receiver{keys, *folder},
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       60 * time.Second,
	}
	ended := make(chan error, 1)
	stop, forget := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer forget()
	go func() {
		<-stop.Done()
		// No new connection is accepted. Requests in progress get their replies.
		within, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		ended <- server.Shutdown(within)
	}()
	fmt.Printf("listening on %s\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
