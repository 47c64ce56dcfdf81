package interop

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	corepeer "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
)

// nicePeer is who the signalling says that libnice is.
const nicePeer = corepeer.ID("libnice")

// volume is how many bytes go each way.
const volume = 2 << 20

// way says who may open the connection: which candidates of each side the other hears of.
type way struct {
	name         string
	ours, theirs []sdp.TCPType
	dialler      string // what the markers say of libnice; "" if it is open
}

// Our /ice transport and libnice find a TCP connection for each other and hand it off;
// then bytes go both ways. libnice cannot leave RFC 4571's frames: for a candidate
// pair over TCP nice_agent_get_selected_socket gives no socket. So what our bare
// stream carries here is such frames.
func TestLibnice(t *testing.T) {
	t.Parallel()
	active, passive := []sdp.TCPType{sdp.Active}, []sdp.TCPType{sdp.Passive}
	both := []sdp.TCPType{sdp.Active, sdp.Passive}
	binary := buildNice(t)
	for _, w := range []way{
		{"both may dial", both, both, ""},
		{"we dial", active, passive, "waits"},
		{"libnice dials", passive, active, "dials"},
	} {
		for _, role := range []string{"controlled", "controlling"} {
			t.Run(fmt.Sprintf("%s, libnice is %s", w.name, role), func(t *testing.T) { meet(t, binary, w, role) })
		}
	}
}

// meet makes one connection and uses it. Who offers is the controlling side.
func meet(t *testing.T, binary string, w way, role string) {
	n := startNice(t, binary, role)
	p, taken := &post{n: n, w: w}, make(chan manet.Conn, 1)
	tr, err := icetcp.New(taker{taken: taken}, nil, icetcp.Config{
		Listen: netip.MustParseAddrPort("127.0.0.1:0"), Signaller: p, Timeout: patience,
	})
	check(t, err)
	defer tr.Close()
	if role == "controlled" {
		_, err := tr.Dial(t.Context(), icetcp.Addr, nicePeer)
		if !errors.Is(err, errTaken) {
			t.Fatal(err)
		}
	} else {
		l, err := tr.Listen(icetcp.Addr)
		check(t, err)
		defer l.Close()
		check(t, p.offer(t.Context()))
	}
	select {
	case c := <-taken:
		defer c.Close()
		check(t, c.SetDeadline(time.Now().Add(patience)))
		n.paired(t, w, c)
		n.exchange(t, c)
	case <-time.After(patience):
		t.Fatal("no connection came about")
	}
}

// paired compares what the two sides say of the pair.
func (n *nice) paired(t *testing.T, w way, c manet.Conn) {
	ours, theirs := n.next(t, "pair"), n.next(t, "handed")
	local, remote, _ := strings.Cut(ours, " ")
	if !strings.HasSuffix(remote, c.LocalAddr().String()) && w.dialler == "dials" {
		t.Errorf("libnice dialled %s, we are %s", remote, c.LocalAddr())
	}
	if !strings.HasSuffix(local, c.RemoteAddr().String()) && w.dialler == "waits" {
		t.Errorf("libnice waited at %s, we dialled %s", local, c.RemoteAddr())
	}
	if weDialled := strings.HasSuffix(theirs, "/dialled"); w.dialler != "" && weDialled != (w.dialler == "waits") {
		t.Errorf("our marker says %q", theirs)
	}
}

// exchange sends libnice random bytes and takes what it sends.
func (n *nice) exchange(t *testing.T, c manet.Conn) {
	sum := sha256.New()
	wrote := make(chan error, 1)
	go func() {
		for left := volume; left > 0; {
			frame := make([]byte, 2+min(left, 1400))
			rand.Read(frame[2:])
			binary.BigEndian.PutUint16(frame, uint16(len(frame)-2))
			sum.Write(frame[2:])
			left -= len(frame) - 2
			if _, err := c.Write(frame); err != nil {
				wrote <- err
				return
			}
		}
		wrote <- nil
	}()
	var got bytes.Buffer
	for got.Len() < volume {
		frame, err := readFrame(c)
		check(t, err)
		if !isSTUN(frame) { // libnice goes on with its checks
			got.Write(frame)
		}
	}
	check(t, <-wrote)
	if told := n.next(t, "received"); told != hex.EncodeToString(sum.Sum(nil)) {
		t.Errorf("libnice received other bytes: %s", told)
	}
	if !bytes.Equal(got.Bytes(), bytes.Repeat([]byte{'n'}, volume)) {
		t.Errorf("%d bytes came that libnice did not send", got.Len())
	}
}

func readFrame(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(r, frame)
	return frame, err
}

// isSTUN looks for the magic cookie (RFC 8489 §5).
func isSTUN(frame []byte) bool {
	return len(frame) >= 20 && frame[0] < 4 && binary.BigEndian.Uint32(frame[4:]) == 0x2112A442
}

// post is the signalling between our transport and libnice, and says what the way allows.
type post struct {
	n      *nice
	w      way
	answer func(ctx context.Context, from corepeer.ID, offer []byte) ([]byte, error)
}

var _ icetcp.Signaller = (*post)(nil)

// Offer gives our offer to libnice, and its text as the answer.
func (p *post) Offer(_ context.Context, _ corepeer.ID, offer []byte) ([]byte, error) {
	m, err := sdp.ParseMessage(offer)
	if err != nil {
		return nil, err
	}
	if err := p.tell(m); err != nil {
		return nil, err
	}
	return sdp.NewMessage(m.ID, sdp.Answer, p.text()).Marshal()
}

// HandleOffers keeps what answers offers.
func (p *post) HandleOffers(answer func(context.Context, corepeer.ID, []byte) ([]byte, error)) {
	p.answer = answer
}

// offer has libnice offer, and gives it the answer.
func (p *post) offer(ctx context.Context) error {
	request, err := sdp.NewMessage(1, sdp.Request, p.text()).Marshal()
	if err != nil {
		return err
	}
	answer, err := p.answer(ctx, nicePeer, request)
	if err != nil {
		return err
	}
	m, err := sdp.ParseMessage(answer)
	if err != nil {
		return err
	}
	return p.tell(m)
}

// text is libnice's side, which has said it before.
func (p *post) text() sdp.Description {
	d := p.n.described
	d.Candidates = only(p.w.theirs, d.Candidates)
	d.HandOff = true
	return d
}

// tell gives libnice our side as it wants to read it.
func (p *post) tell(m *sdp.Message) error {
	d, err := m.Description()
	if err != nil {
		return err
	}
	text := fmt.Sprintf("m=application 0 ICE/SDP\na=ice-ufrag:%s\na=ice-pwd:%s\n", d.Ufrag, d.Pwd)
	for _, c := range only(p.w.ours, d.Candidates) {
		text += fmt.Sprintf("a=candidate:%s\n", c)
	}
	_, err = io.WriteString(p.n.in, text+".\n")
	return err
}

func only(types []sdp.TCPType, cs []sdp.Candidate) []sdp.Candidate {
	return slices.DeleteFunc(slices.Clone(cs), func(c sdp.Candidate) bool { return !slices.Contains(types, c.TCPType) })
}

// taker is an upgrader that secures nothing: it takes the connections for the test.
type taker struct {
	transport.Upgrader
	taken chan manet.Conn
}

var errTaken = errors.New("the test has taken the connection")

// Upgrade implements transport.Upgrader; the connection is the test's to close.
func (t taker) Upgrade(_ context.Context, _ transport.Transport, c manet.Conn, _ network.Direction, _ corepeer.ID, scope network.ConnManagementScope) (transport.CapableConn, error) {
	scope.Done()
	t.taken <- c
	return nil, errTaken
}
