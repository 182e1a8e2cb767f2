package harvest

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func mustGuard(t *testing.T, allow []string, deny ...netip.AddrPort) *guard {
	t.Helper()
	g, err := newGuard(allow, deny)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// judged asks g about an address as the dialer would.
func judged(g *guard, addr string, port uint16) error {
	ap := netip.AddrPortFrom(netip.MustParseAddr(addr), port)
	return g.judge(ap.String(), ap)
}

var notPublic = []string{
	"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1",
	"169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255",
	"198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
	"::", "::1", "::7f00:1", "::a00:1", "::808:808", "fc00::1", "fd12:3456::1", "fe80::1", "febf::1", "fec0::1", "ff02::1",
	"2001:db8::1", "3fff::1", "100::1", "2001:2::1", "2001:10::1", "4000::1", "5f00::1",
	"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.1.1", "::ffff:0.0.0.0",
	"64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::a9fe:101", "64:ff9b:1::a00:1", "64:ff9b:1::808:808", "64:ff9b:1:a00:0:100::",
	"2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1", "2001:0:a00:1::f5ff:fffe", "2001:0:4136:e378:8000:63bf:80ff:fffe",
}

func TestSSRF_S02_RefusesEveryRangeThatIsNotPublic(t *testing.T) {
	g := mustGuard(t, nil)
	for _, addr := range notPublic {
		var r *refusal
		if err := judged(g, addr, 443); !errors.As(err, &r) {
			t.Errorf("judge(%s) = %v, want a refusal", addr, err)
		}
		if refusedRange(netip.MustParseAddr(addr)) == "" {
			t.Errorf("refusedRange(%s) is empty: only the second opinion refuses it", addr)
		}
	}
}

func TestSSRF_S02_LetsPublicAddressesPass(t *testing.T) {
	g := mustGuard(t, nil)
	for _, addr := range []string{"8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1",
		"192.0.1.1", "198.17.0.1", "198.20.0.1", "223.255.255.1", "2606:4700::1111", "2a01:e0a::1", "2001:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"} {
		if err := judged(g, addr, 443); err != nil {
			t.Errorf("judge(%s) = %v", addr, err)
		}
	}
}

func TestSSRF_S02_AllowedTargetsPassOnTheirPortOnly(t *testing.T) {
	g := mustGuard(t, []string{"10.20.3.4:443", "192.168.7.9/24:8080", "[fd12::/16]:443", "[::1]:9000", "Gestion.Intra.example.:8443", "127.0.0.1:*"})
	for _, c := range []struct {
		target, addr string
		port         uint16
		pass         bool
	}{
		{"10.20.3.4:443", "10.20.3.4", 443, true},
		{"10.20.3.4:443", "::ffff:10.20.3.4", 443, true},
		{"10.20.3.4:80", "10.20.3.4", 80, false},
		{"10.20.3.5:443", "10.20.3.5", 443, false},
		{"192.168.7.200:8080", "192.168.7.200", 8080, true},
		{"192.168.8.1:8080", "192.168.8.1", 8080, false},
		{"[fd12::5]:443", "fd12::5", 443, true},
		{"[::1]:9000", "::1", 9000, true},
		{"[::1]:9001", "::1", 9001, false},
		{"127.0.0.1:1", "127.0.0.1", 1, true},
		{"gestion.intra.example:8443", "10.9.9.9", 8443, true},
		{"gestion.intra.example.:8443", "10.9.9.9", 8443, true},
		{"gestion.intra.example:443", "10.9.9.9", 443, false},
		{"autre.intra.example:8443", "10.9.9.9", 8443, false},
		{"x.gestion.intra.example:8443", "10.9.9.9", 8443, false},
		{"[64:ff9b::a14:304]:443", "64:ff9b::a14:304", 443, false}, // carries 10.20.3.4, but is another way there
	} {
		err := g.judge(c.target, netip.AddrPortFrom(netip.MustParseAddr(c.addr), c.port))
		if (err == nil) != c.pass {
			t.Errorf("judge(%s, %s:%d) = %v, want pass %v", c.target, c.addr, c.port, err, c.pass)
		}
	}
}

func TestSSRF_S03_MetadataStaysRefusedWhenAllowed(t *testing.T) {
	g := mustGuard(t, []string{"0.0.0.0/0:*", "[::/0]:*", "169.254.0.0/16:80", "metadata.example:80"})
	if err := judged(g, "10.0.0.1", 80); err != nil {
		t.Fatalf("the test's own allow list does not work: %v", err)
	}
	for _, addr := range []string{"169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "::ffff:169.254.169.254",
		"64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::a9fe:a9fe", "2001:0:1::5601:5601", "64:ff9b:1:a9fe:a9:fe00::", "0.0.0.0", "::"} {
		if err := judged(g, addr, 80); err == nil {
			t.Errorf("judge(%s) passes although it must never", addr)
		}
	}
	for _, host := range []string{"metadata.google.internal", "METADATA.google.internal.", "instance-data", "metadata"} {
		if err := checkHost(host); err == nil {
			t.Errorf("checkHost(%s) passes", host)
		}
	}
}

func TestSSRF_S03_OwnListenersStayRefusedWhenAllowed(t *testing.T) {
	every := []string{"0.0.0.0/0:*", "[::/0]:*", "localhost:*"}
	g := mustGuard(t, every, netip.MustParseAddrPort("127.0.0.1:5432"), netip.MustParseAddrPort("[::]:8080"))
	g.own = append(g.own, netip.MustParseAddr("192.168.1.10"))
	for _, c := range []struct {
		addr string
		port uint16
		pass bool
	}{
		{"127.0.0.1", 5432, false}, {"::ffff:127.0.0.1", 5432, false}, {"64:ff9b::7f00:1", 5432, false}, {"127.0.0.1", 5433, true},
		{"127.0.0.1", 8080, false}, {"127.0.0.9", 8080, false}, {"::1", 8080, false}, {"192.168.1.10", 8080, false},
		{"192.168.1.11", 8080, true}, {"192.168.1.10", 8081, true},
	} {
		if err := g.judge("localhost:1", netip.AddrPortFrom(netip.MustParseAddr(c.addr), c.port)); (err == nil) != c.pass {
			t.Errorf("judge(%s:%d) = %v, want pass %v", c.addr, c.port, err, c.pass)
		}
	}
}

func TestSSRF_S04_AllowLinesThatCannotBeReadAreAllNamed(t *testing.T) {
	bad := []string{"10.0.0.1", "10.0.0.1:0", "10.0.0.1:70000", "10.0.0.1:http", "*:443", "*.intra.example:443", "fd00::1:443",
		"http://10.0.0.1:80", "10.0.0.0/40:80", "127.1:80", "0x7f.1:80", "2130706433:80", "mairie-é.example:443", ":443", "a b:80", "[fe80::1%eth0]:80"}
	_, err := newGuard(append([]string{"10.0.0.1:80"}, bad...), nil)
	var faults FaultList
	if !errors.As(err, &faults) || len(faults) != len(bad) {
		t.Fatalf("got %d faults, want %d: %v", len(faults), len(bad), err)
	}
	for i, f := range faults {
		if !strings.Contains(f, bad[i]) {
			t.Errorf("fault %q does not quote %q", f, bad[i])
		}
	}
}

func TestSSRF_S06_S07_OnlyPlainAddressesAreRead(t *testing.T) {
	for _, c := range []struct {
		url  string
		pass bool
	}{
		{"https://opendata.exemple.fr/a.csv", true},
		{"http://10.0.0.1:8080/", true}, // read with certainty; the guard judges it when it connects
		{"https://[2001:db8::1]/", true},
		{"https://exemple.fr./", true},
		{"https://mairie-été.exemple.fr/", true},
		{"https://serveur_compta/", true},
		{"https://xn--mairie-t-d1a.exemple.fr/", true},
		{"https://3gpp.org/", true},
		{"ftp://exemple.fr/", false},
		{"file:///etc/passwd", false},
		{"gopher://exemple.fr/", false},
		{"data:text/plain,a", false},
		{"unix:///run/x.sock", false},
		{"https:exemple.fr", false},
		{"https:///a", false},
		{"https://moi:secret@exemple.fr/", false},
		{"https://moi@exemple.fr/", false},
		{"http://0x7f.1/", false},
		{"http://0x7f000001/", false},
		{"http://2130706433/", false},
		{"http://127.1/", false},
		{"http://0177.0.0.1/", false},
		{"http://127.0.0.1./", false},
		{"http://127.0.0.256/", false},
		{"http://1.2.3.4.5/", false},
		{"http://[fe80::1%25eth0]/", false},
		{"http://１２７.０.０.１/", false},
		{"http://ｌocalhost/", false},
		{"http://exemple。fr/", false},
		{"http://exemple..fr/", false},
		{"http://exemple.fr:0/", false},
		{"http://exemple.fr:99999/", false},
		{"http://exemple.fr:/", false},
		{"http://" + strings.Repeat("a", 64) + ".fr/", false},
		{"http://metadata.google.internal/", false},
	} {
		u, err := url.Parse(c.url)
		if err == nil {
			err = checkURL(u)
		}
		if (err == nil) != c.pass {
			t.Errorf("checkURL(%s) = %v, want pass %v", c.url, err, c.pass)
		}
	}
}

func FuzzGuard_NeverLetsAPrivateAddressPass(f *testing.F) {
	for _, a := range notPublic {
		b := netip.MustParseAddr(a).As16()
		f.Add(b[:])
	}
	g, err := newGuard(nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 16 {
			t.Skip()
		}
		addr := netip.AddrFrom16([16]byte(b))
		if g.judge("x:443", netip.AddrPortFrom(addr, 443)) != nil {
			return
		}
		for _, a := range append(carried(addr), addr.Unmap()) {
			if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
				t.Errorf("%s passes but leads to %s", addr, a)
			}
		}
	})
}
