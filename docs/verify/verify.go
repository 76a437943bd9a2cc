// Verifies a webhook of aftercall. Go 1.18 or newer, nothing but the standard library.
//
// As a library: copy the file, give it your package's name and leave main out; Verify or VerifyPlain.
// By hand: go run verify.go [-plain] SECRET HEADERS-FILE BODY-FILE
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how far webhook-timestamp may be from now.
const Tolerance = 300 * time.Second

// Verify returns the webhook-id, or an error that says why the request must not be believed.
func Verify(secret string, header http.Header, body []byte) (string, error) {
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	signatures := strings.Fields(header.Get("webhook-signature"))
	seconds, err := strconv.ParseUint(timestamp, 10, 40)
	if id == "" || err != nil || len(signatures) == 0 {
		return "", errors.New("not signed: webhook-id, webhook-timestamp or webhook-signature is missing")
	}
	if age := time.Since(time.Unix(int64(seconds), 0)); age > Tolerance || age < -Tolerance {
		return "", errors.New("webhook-timestamp is too old, or from the future")
	}
	key, err := keyOf(secret)
	if err != nil {
		return "", err
	}
	expected := "v1," + base64.StdEncoding.EncodeToString(tag(key, []byte(id+"."+timestamp+"."), body))
	// Several while a secret is rotated; one has to fit.
	for _, one := range signatures {
		if hmac.Equal([]byte(one), []byte(expected)) {
			return id, nil
		}
	}
	return "", errors.New("webhook-signature does not match")
}

// VerifyPlain checks the other signature: the key is the text of the secret, the message is the body alone.
func VerifyPlain(secret string, header http.Header, body []byte) error {
	if secret == "" {
		return errors.New("no secret is set")
	}
	expected := "sha256=" + hex.EncodeToString(tag([]byte(secret), body))
	if !hmac.Equal([]byte(header.Get("x-signature")), []byte(expected)) {
		return errors.New("x-signature is missing or does not match")
	}
	return nil
}

// keyOf is what base64 after whsec_ decodes to; of any other secret its text.
func keyOf(secret string) ([]byte, error) {
	key, err := []byte(secret), error(nil)
	if strings.HasPrefix(secret, "whsec_") {
		key, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	}
	if err != nil || len(key) == 0 {
		return nil, errors.New("no secret is set, or it is not base64 after whsec_")
	}
	return key, nil
}

func tag(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		mac.Write(part)
	}
	return mac.Sum(nil)
}

func main() {
	args := os.Args[1:]
	plain := len(args) > 0 && strings.TrimLeft(args[0], "-") == "plain"
	if plain {
		args = args[1:]
	}
	if len(args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: verify [-plain] SECRET HEADERS-FILE BODY-FILE")
		os.Exit(2)
	}
	lines, err := os.ReadFile(args[1])
	exitOn(err)
	body, err := os.ReadFile(args[2])
	exitOn(err)
	header := http.Header{}
	for _, line := range strings.Split(string(lines), "\n") {
		if name, value, found := strings.Cut(line, ":"); found {
			header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	if plain {
		err = VerifyPlain(args[0], header, body)
	} else {
		_, err = Verify(args[0], header, body)
	}
	if err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
	fmt.Println("verified")
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
