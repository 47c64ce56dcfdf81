package natlab

import (
	"fmt"
	"os"
	"path/filepath"
)

// What miniupnpd expects to find.
const upnpRules = `table inet filter {
 chain miniupnpd {
 }
 chain forward {
  type filter hook forward priority -10;
  jump miniupnpd
 }
 chain prerouting_miniupnpd {
 }
 chain postrouting_miniupnpd {
 }
 chain prerouting {
  type nat hook prerouting priority -100;
  jump prerouting_miniupnpd
 }
 chain postrouting {
  type nat hook postrouting priority 90;
  jump postrouting_miniupnpd
 }
}
`

// The external address is not that of the router's own connections: miniupnpd
// refuses those that RFC 5737 keeps for documentation.
const upnpConfig = `ext_ifname=wan
ext_ip=11.0.113.%[1]d
listening_ip=lan
enable_natpmp=yes
enable_upnp=yes
secure_mode=yes
http_port=5000
lease_file=%[2]s
uuid=11111111-2222-3333-4444-5555555555%[1]d
allow 1024-65535 0.0.0.0/0 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`

// Ports at which a router is asked for mappings.
const (
	ssdpPort   = 1900
	natpmpPort = 5351
	igdPort    = 5000
)

// serveUPnP starts miniupnpd on a router.
func (h *Host) serveUPnP(number int) {
	h.t.Helper()
	dir := h.t.TempDir()
	leases, config := filepath.Join(dir, "leases"), filepath.Join(dir, "miniupnpd.conf")
	h.write(leases, "")
	h.write(config, fmt.Sprintf(upnpConfig, 11+number, leases))
	h.filter(upnpRules)
	h.ip("route add 239.0.0.0/8 dev lan")
	d := h.start("miniupnpd", "-d", "-f", config, "-P", filepath.Join(dir, "pid"))
	d.ready(func() bool {
		return h.Listening("udp", natpmpPort) && h.Listening("udp", ssdpPort) && h.Listening("tcp", igdPort)
	})
}

func (h *Host) write(path, text string) {
	h.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatalf("natlab: %v", err)
	}
}
