package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// maxAnswer bounds what a client reads of an answer, in bytes.
const maxAnswer = 64 << 20

// ErrNotRunning says that no node listens in the home.
var ErrNotRunning = errors.New("the node is not running")

// ErrOtherUser says that the node of the home is another user's.
var ErrOtherUser = errors.New("the node belongs to another user")

// Client asks the node of one home. Its errors are *Problem where the node
// answered, and wrap ErrNotRunning where there is no node.
type Client struct {
	home string
	http http.Client
}

// NewClient makes a client of the node that uses home. It connects when asked.
func NewClient(home string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		if err := checkLength(SocketPath(home)); err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, "unix", SocketPath(home))
	}
	return &Client{home: home, http: http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Node asks who the node is.
func (c *Client) Node(ctx context.Context) (n Node, err error) {
	return n, c.ask(ctx, http.MethodGet, "/v1/node", nil, &n)
}

// Doctor asks how the node stands in the network. The answer takes seconds.
func (c *Client) Doctor(ctx context.Context) (out Checkup, err error) {
	return out, c.ask(ctx, http.MethodGet, "/v1/doctor", nil, &out)
}

// Path asks how a contact, given by alias or account, is reached.
func (c *Client) Path(ctx context.Context, contact string) (out Explanation, err error) {
	return out, c.ask(ctx, http.MethodGet, "/v1/path?contact="+url.QueryEscape(contact), nil, &out)
}

// Contacts asks for all contacts.
func (c *Client) Contacts(ctx context.Context) (all []Contact, err error) {
	return all, c.ask(ctx, http.MethodGet, "/v1/contacts", nil, &all)
}

// AddContact asks an account to become a contact; name is the local alias.
func (c *Client) AddContact(ctx context.Context, account, name string) (out Contact, err error) {
	return out, c.ask(ctx, http.MethodPost, "/v1/contacts", NewContact{account, name}, &out)
}

// AcceptContact accepts the request of an account; name is the local alias.
func (c *Client) AcceptContact(ctx context.Context, account, name string) (out Contact, err error) {
	return out, c.ask(ctx, http.MethodPost, "/v1/contacts/"+segment(account)+"/accept", Alias{name}, &out)
}

// VerifyContact notes that the user has compared the account of a contact, given by alias
// or account, with what the contact's own device shows, or takes that back.
func (c *Client) VerifyContact(ctx context.Context, who string, verified bool) (out Contact, err error) {
	return out, c.ask(ctx, http.MethodPost, "/v1/contacts/"+segment(who)+"/verify", Comparison{verified}, &out)
}

// RemoveContact forgets a contact, given by alias or account.
func (c *Client) RemoveContact(ctx context.Context, who string) error {
	return c.ask(ctx, http.MethodDelete, "/v1/contacts/"+segment(who), nil, nil)
}

// Transfers asks for all transfers, newest last.
func (c *Client) Transfers(ctx context.Context) (all []Transfer, err error) {
	return all, c.ask(ctx, http.MethodGet, "/v1/transfers", nil, &all)
}

// Transfer asks for one transfer.
func (c *Client) Transfer(ctx context.Context, id string) (Transfer, error) {
	return c.transfer(ctx, http.MethodGet, id, "", nil)
}

// Send offers a file or a folder (absolute path) to a contact or in a conversation and
// returns once that is queued.
func (c *Client) Send(ctx context.Context, path, to string) (Transfer, error) {
	return c.SendFiles(ctx, []string{path}, to)
}

// SendFiles offers several files of one folder.
func (c *Client) SendFiles(ctx context.Context, paths []string, to string) (t Transfer, err error) {
	return t, c.ask(ctx, http.MethodPost, "/v1/transfers", NewTransfer{Files: paths, Contact: to}, &t)
}

// Accept accepts an offer, or only what matches some patterns of a folder's. Path is
// absolute, or "" for the node's choice.
func (c *Client) Accept(ctx context.Context, id, path string, only ...string) (Transfer, error) {
	return c.transfer(ctx, http.MethodPost, id, "/accept", Target{path, only})
}

// LimitTransfer bounds a transfer to so many bytes a second; 0 is no limit.
func (c *Client) LimitTransfer(ctx context.Context, id string, perSecond int64) (Transfer, error) {
	return c.transfer(ctx, http.MethodPut, id, "/limit", TransferLimit{perSecond})
}

// Refuse refuses an offer.
func (c *Client) Refuse(ctx context.Context, id string) (Transfer, error) {
	return c.transfer(ctx, http.MethodPost, id, "/refuse", nil)
}

// Cancel stops a transfer that has not ended, and forgets a file that is asked for.
func (c *Client) Cancel(ctx context.Context, id string) (Transfer, error) {
	return c.transfer(ctx, http.MethodPost, id, "/cancel", nil)
}

func (c *Client) transfer(ctx context.Context, method, id, verb string, in any) (t Transfer, err error) {
	return t, c.ask(ctx, method, "/v1/transfers/"+segment(id)+verb, in, &t)
}

// segment escapes text as one segment of a path, also where it is "." or "..".
func segment(text string) string { return strings.ReplaceAll(url.PathEscape(text), ".", "%2E") }

// ask makes one request; in and out may be nil.
func (c *Client) ask(ctx context.Context, method, path string, in, out any) error {
	return c.askWith(ctx, method, path, in, out, "", "")
}

// askWith is ask with one header more, unless its value is "".
func (c *Client) askWith(ctx context.Context, method, path string, in, out any, header, value string) error {
	r, err := newRequest(ctx, method, path, in)
	if err != nil {
		return err
	}
	if value != "" {
		r.Header.Set(header, value)
	}
	answer, err := c.answer(r)
	if err != nil {
		return err
	}
	return readAnswer(answer, out)
}

// readAnswer reads a body of JSON and closes it.
func readAnswer(answer *http.Response, out any) error {
	defer answer.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read the node's answer to %s %s: %w", answer.Request.Method, answer.Request.URL.EscapedPath(), err)
	}
	return nil
}

// do gives an answer that is a success; the caller closes its body.
func (c *Client) do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	r, err := newRequest(ctx, method, path, in)
	if err != nil {
		return nil, err
	}
	return c.answer(r)
}

func newRequest(ctx context.Context, method, path string, in any) (*http.Request, error) {
	if in == nil {
		return http.NewRequestWithContext(ctx, method, "http://passeur"+path, nil)
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://passeur"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	return r, nil
}

// answer gives an answer that is a success; the caller closes its body.
func (c *Client) answer(r *http.Request) (*http.Response, error) {
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.explain(err)
	}
	if answer.StatusCode >= 300 {
		defer answer.Body.Close()
		return nil, readProblem(answer)
	}
	return answer, nil
}

// explain says in words why no answer came.
func (c *Client) explain(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("%w in %s", ErrNotRunning, c.home)
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: that in %s", ErrOtherUser, c.home)
	}
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	return fmt.Errorf("ask the node in %s: %w", c.home, err)
}

func readProblem(answer *http.Response) error {
	p := &Problem{}
	err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(p)
	if err != nil || p.Detail == "" {
		return problemWith(answer.StatusCode, CodeInternal, "the node answered "+answer.Status)
	}
	return p
}
