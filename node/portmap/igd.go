package portmap

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/huin/goupnp"
	"github.com/huin/goupnp/dcps/internetgateway2"
	"github.com/huin/goupnp/soap"
	"golang.org/x/text/encoding/charmap"
)

// Error codes of WANIPConnection (its specification, §2.4 and §2.5).
const (
	igdActionFailed    = 501
	igdConflict        = 718
	igdPermanentOnly   = 725
	igdConflictOther   = 729 // with what is not UPnP
	igdNoSuchMapping   = 714
	igdDescription     = "passeur"
	igdProtocol        = "TCP"
	igdMaxConnections  = 4 // that are looked at in a description
	igdOtherPorts      = 3 // that are tried when the one wanted is taken
	igdFirstOtherPort  = 20000
	igdOtherPortsRange = 40000
)

// igdResults are the codes that say something to people.
var igdResults = map[int]string{
	401:              "invalid action",
	402:              "invalid arguments",
	igdActionFailed:  "action failed",
	606:              "not authorized, mapping is perhaps switched off",
	igdNoSuchMapping: "no such mapping",
	715:              "wildcard not permitted for the source address",
	716:              "wildcard not permitted for the external port",
	igdConflict:      "the port is mapped to another device",
	724:              "local and external port must be the same",
	igdPermanentOnly: "only permanent leases",
	728:              "no port is left",
	igdConflictOther: "the port is in use by another mechanism",
}

// connection is what is used of a router's connection to the internet: of
// WANIPConnection 1 and 2, and WANPPPConnection 1.
type connection interface {
	GetExternalIPAddressCtx(ctx context.Context) (string, error)
	AddPortMappingCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string, internalPort uint16, internalClient string, enabled bool, description string, lease uint32) error
	DeletePortMappingCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string) error
}

// anyPort is what version 2 can in addition.
type anyPort interface {
	AddAnyPortMappingCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string, internalPort uint16, internalClient string, enabled bool, description string, lease uint32) (uint16, error)
}

var (
	_ connection = (*internetgateway2.WANIPConnection2)(nil)
	_ anyPort    = (*internetgateway2.WANIPConnection2)(nil)
	_ connection = (*internetgateway2.WANIPConnection1)(nil)
	_ connection = (*internetgateway2.WANPPPConnection1)(nil)
)

// igd is the driver for UPnP-IGD.
type igd struct {
	connection
	local string // this device's address, to which the router is to forward
}

// openIGD fetches the description of a router and takes of its connections one with
// a public address, if there is one.
func openIGD(ctx context.Context, a ssdpAnswer) (*igd, error) {
	local, err := localTo(a.from)
	if err != nil {
		return nil, err
	}
	client := newHTTPClient(a.from, local)
	services, err := fetchDescription(ctx, client, a)
	if err != nil {
		return nil, fmt.Errorf("description %s: %w", a.location, err)
	}
	var first *igd
	for _, s := range services {
		d := &igd{s.open(client), local.String()}
		if first == nil {
			first = d
		}
		if addr, err := d.address(ctx); err == nil && public(addr) {
			return d, nil
		}
	}
	return first, ctx.Err()
}

// service is a connection to the internet in a description.
type service struct {
	kind    string // a URN
	control *url.URL
}

// open makes a client of goupnp's. It does not use goupnp's discovery: that waits
// for its whole time, forgets who answered, and follows URLs to anywhere.
func (s service) open(client *http.Client) connection {
	sc := goupnp.ServiceClient{SOAPClient: &soap.SOAPClient{EndpointURL: *s.control, HTTPClient: *client}}
	switch s.kind {
	case internetgateway2.URN_WANIPConnection_2:
		return &internetgateway2.WANIPConnection2{ServiceClient: sc}
	case internetgateway2.URN_WANIPConnection_1:
		return &internetgateway2.WANIPConnection1{ServiceClient: sc}
	default:
		return &internetgateway2.WANPPPConnection1{ServiceClient: sc}
	}
}

func fetchDescription(ctx context.Context, client *http.Client, a ssdpAnswer) ([]service, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.location.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	return parseDescription(resp.Body, a)
}

// parseDescription lists a device's connections to the internet (UDA 1.1 §2.3), the
// best first. Those whose control URL is not at the device's address are left out.
func parseDescription(r io.Reader, a ssdpAnswer) ([]service, error) {
	var root goupnp.RootDevice
	d := xml.NewDecoder(r)
	d.DefaultSpace = goupnp.DeviceXMLNamespace
	d.CharsetReader = latin1
	if err := d.Decode(&root); err != nil {
		return nil, err
	}
	base := a.location
	if u, err := url.Parse(strings.TrimSpace(root.URLBaseStr)); err == nil && u.Host != "" {
		base = u
	}
	var services []service
	for _, kind := range []string{internetgateway2.URN_WANIPConnection_2, internetgateway2.URN_WANIPConnection_1, internetgateway2.URN_WANPPPConnection_1} {
		for _, s := range root.Device.FindService(kind) {
			u, err := base.Parse(strings.TrimSpace(s.ControlURL.Str))
			if err == nil && at(u, a.from) == nil && len(services) < igdMaxConnections {
				services = append(services, service{kind, u})
			}
		}
	}
	if len(services) == 0 {
		return nil, errors.New("no connection to the internet that could be asked")
	}
	return services, nil
}

// latin1 reads what is not UTF-8 as if it was all one set: what matters is ASCII.
func latin1(_ string, r io.Reader) (io.Reader, error) {
	return charmap.ISO8859_1.NewDecoder().Reader(r), nil
}

func (d *igd) protocol() Protocol { return UPnP }

func (d *igd) address(ctx context.Context) (netip.Addr, error) {
	text, err := d.GetExternalIPAddressCtx(ctx)
	if err != nil {
		return netip.Addr{}, igdError(err)
	}
	addr, _ := netip.ParseAddr(strings.TrimSpace(text))
	return external4(addr.Unmap())
}

func (d *igd) add(ctx context.Context, port, external uint16, lease time.Duration) (grant, error) {
	addr, err := d.address(ctx)
	if err != nil {
		return grant{}, err
	}
	external, lease, err = d.addPort(ctx, port, external, lease)
	if err != nil {
		return grant{}, err
	}
	return grant{netip.AddrPortFrom(addr, external), lease}, nil
}

// addPort asks for an external port, for others if that is taken, and without a
// lease if the router knows no leases.
func (d *igd) addPort(ctx context.Context, port, external uint16, lease time.Duration) (uint16, time.Duration, error) {
	err := d.addThis(ctx, port, external, lease)
	if code(err) == igdPermanentOnly {
		lease = 0
		err = d.addThis(ctx, port, external, lease)
	}
	switch code(err) {
	case igdConflict, igdConflictOther, igdActionFailed:
		external, err = d.addOther(ctx, port, lease)
	}
	return external, lease, err
}

func (d *igd) addThis(ctx context.Context, port, external uint16, lease time.Duration) error {
	return igdError(d.AddPortMappingCtx(ctx, "", external, igdProtocol, port, d.local, true, igdDescription, seconds(lease)))
}

// addOther takes a port of the router's choice, if it knows to choose, or of chance.
func (d *igd) addOther(ctx context.Context, port uint16, lease time.Duration) (external uint16, err error) {
	if c, ok := d.connection.(anyPort); ok {
		external, err = c.AddAnyPortMappingCtx(ctx, "", port, igdProtocol, port, d.local, true, igdDescription, seconds(lease))
		if err = igdError(err); err == nil && external != 0 {
			return external, nil
		}
	}
	for range igdOtherPorts {
		external = uint16(igdFirstOtherPort + rand.N(igdOtherPortsRange))
		if err = d.addThis(ctx, port, external, lease); err == nil {
			return external, nil
		}
	}
	return 0, err
}

func (d *igd) remove(ctx context.Context, _, external uint16) error {
	err := igdError(d.DeletePortMappingCtx(ctx, "", external, igdProtocol))
	if code(err) == igdNoSuchMapping {
		return nil
	}
	return err
}

// igdError turns a SOAP fault into a refusal, of which nothing in the router's own
// words is kept, and makes other errors fit to be shown.
func igdError(err error) error {
	if err == nil {
		return nil
	}
	if fault := (*soap.SOAPFaultError)(nil); errors.As(err, &fault) {
		code := fault.Detail.UPnPError.Errorcode
		return refused(UPnP, code, igdResults[code])
	}
	return errors.New(shown(err.Error()))
}

// maxShown is how much is kept of an error's text, which may quote the router.
const maxShown = 200

func shown(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text[:min(len(text), maxShown)])
}

// code is that of a refusal, 0 for other errors and none.
func code(err error) int {
	if refusal := (*RefusedError)(nil); errors.As(err, &refusal) {
		return refusal.Code
	}
	return 0
}
