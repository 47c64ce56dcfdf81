package portmap

import (
	"strings"
	"testing"
)

// The kernel's table of routes: default routes only, and those through a gateway.
func TestRoutes(t *testing.T) {
	const table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		"eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n" +
		"wlan0\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n" +
		"wlan0\t00000000\t0102A8C0\t0003\t0\t0\t700\t00000000\t0\t0\t0\n" +
		"tun0\t00000000\t01030A0A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n" +
		"ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n" +
		"eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n" +
		"eth0\t0005A8C0\t0901A8C0\t0003\t0\t0\t100\t00FFFFFF\t0\t0\t0\n" +
		"eth1\t00000000\tnonsense\t0003\t0\t0\t100\t00000000\t0\t0\t0\nshort\n"
	var got []string
	for _, a := range parseRoutes(strings.NewReader(table)) {
		got = append(got, a.String())
	}
	if want := "192.168.1.1 192.168.2.1 10.10.3.1"; strings.Join(got, " ") != want {
		t.Errorf("gateways %v, want %s", got, want)
	}
}
