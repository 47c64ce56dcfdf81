package api

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
)

// raw sends bytes to the node's port, with its Host and token, and reads the answer. The
// status is 0 where the connection ended before one was read: who does not read all that
// is sent may not be heard either.
func (f *full) raw(line string, headers []string, body io.Reader) (status int, text string) {
	f.t.Helper()
	c, err := net.Dial("tcp", f.tcp)
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close()
	head := []string{line, "Host: " + f.tcp, "Authorization: Bearer " + f.token, "Connection: close"}
	fmt.Fprint(c, strings.Join(append(head, headers...), "\r\n"), "\r\n\r\n")
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if body != nil {
			io.Copy(c, body) // which fails when the node has had enough
		}
	}()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		c.Close()
		<-sent
		return 0, err.Error()
	}
	content, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	answer.Body.Close()
	c.Close()
	<-sent
	return answer.StatusCode, string(content)
}

// zipped is what gzip makes of so many megabytes of spaces and an order to send a file.
func zipped(t *testing.T, megabytes int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for range megabytes {
		if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	io.WriteString(w, `{"file":"/x","contact":"bob"}`)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// attempt is a request and the statuses that it may be answered with.
type attempt struct {
	line    string
	headers []string
	body    io.Reader
	want    []int
}

// TestHostileRequests: by who has the token, and still has no right to more memory,
// another file or an order that the next reader of the bytes would see otherwise.
func TestHostileRequests(t *testing.T) {
	f := newFull(t)
	const send, kind = "POST /v1/transfers HTTP/1.1", "Content-Type: application/json"
	bomb := zipped(t, 50)
	refused := []int{0, 400, 411, 413, 415, 422, 431, 501}
	for name, c := range map[string]attempt{
		"a negative length":           {send, []string{kind, "Content-Length: -1"}, nil, refused},
		"two lengths":                 {send, []string{kind, "Content-Length: 5", "Content-Length: 6"}, nil, refused},
		"a length of 2^64":            {send, []string{kind, "Content-Length: 18446744073709551616"}, nil, refused},
		"another coding of transfers": {send, []string{kind, "Transfer-Encoding: gzip, chunked"}, nil, refused},
		"a chunk that is negative":    {send, []string{kind, "Transfer-Encoding: chunked"}, strings.NewReader("-1\r\n"), refused},
		"a megabyte of header":        {send, []string{kind, "X: " + strings.Repeat("x", 1<<20)}, nil, refused},
		"100 MB announced":            {send, []string{kind, "Content-Length: 104857600"}, io.LimitReader(zeros{}, 100<<20), refused},
		"chunks without end":          {send, []string{kind, "Transfer-Encoding: chunked"}, &chunks{}, refused},
		"a gzip bomb":                 {send, []string{kind, "Content-Encoding: gzip", fmt.Sprintf("Content-Length: %d", len(bomb))}, bytes.NewReader(bomb), refused},
		"lists in lists":              asJSON(send, kind, strings.Repeat("[", 200_000)+strings.Repeat("]", 200_000), refused),
		"objects in objects":          asJSON(send, kind, `{"file":`+strings.Repeat(`{"a":`, 80_000)+"1"+strings.Repeat("}", 80_001), refused),
		"a number that is none":       asJSON(send, kind, `{"file":NaN,"contact":"bob"}`, refused),
		"a huge exponent":             asJSON(send, kind, `{"file":1e999999999,"contact":"bob"}`, refused),
		"something behind it":         asJSON(send, kind, `{"file":"/x","contact":"bob"} {}`, refused),
		"a path upwards":              {"GET /v1/transfers/../../../etc/passwd HTTP/1.1", nil, nil, []int{301, 307, 308, 400, 404}},
		"an encoded path upwards":     {"GET /v1/transfers/%2e%2e%2f%2e%2e%2fetc%2fpasswd/content HTTP/1.1", nil, nil, []int{400, 404, 422}},
		"two slashes":                 {"GET //etc/passwd HTTP/1.1", nil, nil, []int{200, 301, 307, 308, 400, 404}},
		"a thousand ranges":           {"GET /v1/transfers/" + id + "/content HTTP/1.1", []string{"Range: bytes=" + strings.Repeat("0-9,", 1000) + "0-9"}, nil, []int{200, 206, 416}},
		"a negative range":            {"GET /v1/transfers/" + id + "/content HTTP/1.1", []string{"Range: bytes=--1"}, nil, []int{200, 416}},
		"no method that there is":     {"EVIL /v1/transfers HTTP/1.1", nil, nil, []int{400, 405, 501}},
	} {
		status, text := f.raw(c.line, c.headers, c.body)
		if !slices.Contains(c.want, status) {
			t.Errorf("%s: %d %.100q, want one of %d", name, status, text, c.want)
		}
		if strings.Contains(text, "root:") || len(text) > 64<<10 {
			t.Errorf("%s: the answer is %d bytes: %.100q", name, len(text), text)
		}
	}
	if slices.ContainsFunc(f.node.asked, func(s string) bool { return strings.HasPrefix(s, "send") }) {
		t.Errorf("something is sent: %q", f.node.asked)
	}
	if status, text := f.raw("GET /v1/node HTTP/1.1", nil, nil); status != http.StatusOK {
		t.Errorf("afterwards: %d %s", status, text)
	}
	lab.Eventually(t, "net/http to be done with connections that it broke off", func() bool {
		stacks := make([]byte, 1<<20)
		return !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("closeWriteAndWait"))
	})
}

// asJSON is an attempt with a body.
func asJSON(line, kind, body string, want []int) attempt {
	return attempt{line, []string{kind, fmt.Sprintf("Content-Length: %d", len(body))}, strings.NewReader(body), want}
}

// chunks is a body that does not end, as it goes over the wire.
type chunks struct{ left []byte }

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		c.left = []byte("1000\r\n" + strings.Repeat(" ", 0x1000) + "\r\n")
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	return n, nil
}
