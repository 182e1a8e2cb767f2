package harvest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"code.dny.dev/ssrf"
	"golang.org/x/text/unicode/norm"
)

// A guard decides which hosts and addresses the Client may connect to. The address is judged when the socket is about to connect,
// so that no second name resolution, redirect or name with several addresses can slip past it.
type guard struct {
	allow []allowed
	deny  []netip.AddrPort
	own   []netip.Addr // addresses of this machine, for listeners on "every address"
	peer  *ssrf.Guardian
}

// An allowed target is a range or an exact host name, with a port; port 0 stands for every port.
type allowed struct {
	prefix netip.Prefix
	host   string
	port   uint16
}

// A refusal is the guard's no. Its text is for the operator only.
type refusal struct {
	target string // host:port as asked
	why    string
}

func (r *refusal) Error() string { return "connection to " + r.target + " refused: " + r.why }

func newGuard(allow []string, deny []netip.AddrPort) (*guard, error) {
	g := &guard{deny: deny, peer: ssrf.New(ssrf.WithAnyPort())}
	var faults FaultList
	for i, line := range allow {
		a, err := parseAllowed(line)
		if err != nil {
			faults = append(faults, fmt.Sprintf("allow[%d] : « %s » : %v", i, line, err))
			continue
		}
		g.allow = append(g.allow, a)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return g, g.learnOwnAddresses()
}

func (g *guard) learnOwnAddresses() error {
	if !slices.ContainsFunc(g.deny, func(d netip.AddrPort) bool { return d.Addr().IsUnspecified() }) {
		return nil
	}
	found, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("list own addresses: %w", err)
	}
	for _, a := range found {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			g.own = append(g.own, p.Addr().Unmap())
		}
	}
	return nil
}

// parseAllowed reads "10.20.3.4:443", "10.0.0.0/8:443", "[fd12::/16]:443" or "gestion.intra.example:443"; the port may be "*".
// Its errors are in French: they end in the operator's list of faults.
func parseAllowed(line string) (allowed, error) {
	at := strings.LastIndexByte(line, ':')
	if at < 0 {
		return allowed{}, errors.New("ajoutez le port, par exemple « 10.20.3.4:443 », ou « :* » pour tous les ports")
	}
	host, port := strings.ToLower(line[:at]), line[at+1:]
	var a allowed
	if port != "*" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return allowed{}, errors.New("le port est un nombre de 1 à 65535, ou « * »")
		}
		a.port = uint16(n)
	}
	bare, bracketed := strings.CutPrefix(host, "[")
	bare = strings.TrimSuffix(bare, "]")
	if p, err := netip.ParsePrefix(bare); err == nil {
		a.prefix = p.Masked()
		return a, nil
	}
	if ip, err := netip.ParseAddr(bare); err == nil && ip.Zone() == "" && (bracketed || ip.Is4()) {
		ip = ip.Unmap()
		a.prefix = netip.PrefixFrom(ip, ip.BitLen())
		return a, nil
	}
	if strings.ContainsAny(host, ":/[]") || !isASCII(host) || checkHost(host) != nil {
		return allowed{}, errors.New("attendu : une adresse IP, une plage comme « 10.0.0.0/8 » ou un nom de machine exact, puis « : » et le port (IPv6 entre crochets, nom accentué en « xn-- »)")
	}
	a.host = strings.TrimSuffix(host, ".")
	return a, nil
}

type dialTarget struct{}

// withTarget remembers the "host:port" that is being dialled, for control.
func withTarget(ctx context.Context, hostport string) context.Context {
	return context.WithValue(ctx, dialTarget{}, hostport)
}

// control is the dialer's ControlContext: address is what the socket will connect to.
func (g *guard) control(ctx context.Context, network, address string, _ syscall.RawConn) error {
	target, _ := ctx.Value(dialTarget{}).(string)
	if target == "" {
		target = address
	}
	if network != "tcp4" && network != "tcp6" {
		return &refusal{target, "network " + network}
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &refusal{target, "address that cannot be read"}
	}
	return g.judge(target, ap)
}

// judge says whether the connection to ap, asked for as target ("host:port"), may be made.
func (g *guard) judge(target string, ap netip.AddrPort) error {
	addr, port := ap.Addr().Unmap(), ap.Port()
	if why := g.never(addr, port); why != "" {
		return &refusal{target, why}
	}
	if g.allows(target, addr, port) {
		return nil
	}
	if why := refusedRange(addr); why != "" {
		return &refusal{target, why + ", and no line of allow covers it"}
	}
	judged := addr
	if v4, ok := nat64(addr); ok {
		judged = v4
	}
	if err := g.peer.SafeAddr(judged); err != nil {
		return &refusal{target, err.Error()}
	}
	return nil
}

func (g *guard) allows(target string, addr netip.Addr, port uint16) bool {
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		host = target
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return slices.ContainsFunc(g.allow, func(a allowed) bool {
		if a.port != 0 && a.port != port {
			return false
		}
		return a.host != "" && a.host == host || a.prefix.IsValid() && a.prefix.Contains(addr)
	})
}

// never gives the reason why addr is refused even when a line of allow covers it, "" when there is none.
func (g *guard) never(addr netip.Addr, port uint16) string {
	if addr.Zone() != "" {
		return "address with a zone"
	}
	for _, a := range append(carried(addr), addr) {
		if a.IsUnspecified() {
			return "unspecified address"
		}
		if slices.Contains(metadataAddresses, a) {
			return "metadata service"
		}
		if g.isOwn(a, port) {
			return "address of this instance"
		}
	}
	return ""
}

func (g *guard) isOwn(a netip.Addr, port uint16) bool {
	return slices.ContainsFunc(g.deny, func(d netip.AddrPort) bool {
		if d.Port() != port {
			return false
		}
		if d.Addr().IsUnspecified() {
			return a.IsLoopback() || slices.Contains(g.own, a)
		}
		return d.Addr().Unmap() == a
	})
}

// metadataAddresses answer with the credentials of the machine at cloud hosts.
var metadataAddresses = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"), // AWS, Azure, Google, OpenStack…
	netip.MustParseAddr("169.254.170.2"),   // AWS ECS
	netip.MustParseAddr("169.254.170.23"),  // AWS EKS
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("168.63.129.16"),   // Azure agent
	netip.MustParseAddr("192.0.0.192"),     // Oracle
	netip.MustParseAddr("fd00:ec2::254"),   // AWS
	netip.MustParseAddr("fd00:ec2::23"),    // AWS EKS
	netip.MustParseAddr("fd20:ce::254"),    // Google
}

var metadataHosts = []string{
	"metadata", "metadata.google.internal", "metadata.goog", "metadata.azure.internal", "metadata.tencentyun.com",
	"instance-data", "instance-data.ec2.internal",
}

type namedRange struct {
	prefix netip.Prefix
	why    string
}

// refusedRanges is the whole list of what is not the public Internet. IPv6 outside 2000::/3 is refused as a whole by refusedRange; the
// named ranges only make the reason readable.
var refusedRanges = []namedRange{
	{netip.MustParsePrefix("0.0.0.0/8"), "this network"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private network"},
	{netip.MustParsePrefix("100.64.0.0/10"), "carrier-grade NAT"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private network"},
	{netip.MustParsePrefix("192.0.0.0/24"), "protocol assignments"},
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "6to4 relay"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private network"},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking"},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"}, // 255.255.255.255 too
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("::/96"), "IPv4-compatible"}, // :: too
	{netip.MustParsePrefix("64:ff9b:1::/48"), "local NAT64"},
	{netip.MustParsePrefix("100::/64"), "discard"},
	{netip.MustParsePrefix("2001::/32"), "Teredo"},
	{netip.MustParsePrefix("2001::/23"), "protocol assignments"},
	{netip.MustParsePrefix("2001:db8::/32"), "documentation"},
	{netip.MustParsePrefix("2002::/16"), "6to4"},
	{netip.MustParsePrefix("3fff::/20"), "documentation"},
	{netip.MustParsePrefix("fc00::/7"), "private network"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fec0::/10"), "site-local"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	nat64Prefix   = netip.MustParsePrefix("64:ff9b::/96")
	nat64Local    = netip.MustParsePrefix("64:ff9b:1::/48")
	compatible    = netip.MustParsePrefix("::/96")
	teredo        = netip.MustParsePrefix("2001::/32")
	sixToFour     = netip.MustParsePrefix("2002::/16")
)

// refusedRange names the range that makes addr unreachable without a line of allow, "" for the public Internet. 64:ff9b::/96, which
// networks without IPv4 use to reach it, is judged by the IPv4 it carries.
func refusedRange(addr netip.Addr) string {
	addr = addr.Unmap()
	if v4, ok := nat64(addr); ok {
		addr = v4
	}
	for _, r := range refusedRanges {
		if r.prefix.Contains(addr) {
			return r.why + " " + r.prefix.String()
		}
	}
	if addr.Is6() && !globalUnicast.Contains(addr) {
		return "outside " + globalUnicast.String()
	}
	return ""
}

func nat64(addr netip.Addr) (netip.Addr, bool) {
	if !nat64Prefix.Contains(addr) {
		return netip.Addr{}, false
	}
	b := addr.As16()
	return netip.AddrFrom4([4]byte(b[12:])), true
}

// carried lists the IPv4 addresses that an IPv6 address may lead to: NAT64 (RFC 6052), 6to4, Teredo, IPv4-compatible.
func carried(addr netip.Addr) []netip.Addr {
	if !addr.Is6() {
		return nil
	}
	b := addr.As16()
	last := netip.AddrFrom4([4]byte(b[12:]))
	switch {
	case compatible.Contains(addr):
		if addr == netip.IPv6Loopback() {
			return nil
		}
		return []netip.Addr{last}
	case nat64Prefix.Contains(addr):
		return []netip.Addr{last}
	case nat64Local.Contains(addr):
		return []netip.Addr{last, netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]})}
	case sixToFour.Contains(addr):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[2:6]))}
	case teredo.Contains(addr):
		return []netip.Addr{netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})}
	}
	return nil
}

// checkURL refuses what is not plainly http or https to a plainly written host.
func checkURL(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("scheme %q", u.Scheme)
	case u.Opaque != "" || u.Hostname() == "":
		return errors.New("no host")
	case u.User != nil:
		return errors.New("user name or password in the address")
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("impossible port")
		}
	}
	return checkHost(u.Hostname())
}

// checkHost refuses host names that libraries read in different ways: numbers that are not four plain decimal parts (0x7f.1,
// 2130706433, 127.1), zones, empty labels, letters that stand for others; and the names of metadata services.
func checkHost(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" {
			return errors.New("address with a zone")
		}
		return nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if slices.Contains(metadataHosts, name) {
		return &refusal{host, "metadata service"}
	}
	if len(name) > 253 {
		return errors.New("host name too long")
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.ContainsFunc(l, isOddInHost) || !norm.NFKC.IsNormalString(l) {
			return errors.New("host name that cannot be read with certainty")
		}
	}
	if last := labels[len(labels)-1]; isNumber(last) {
		return errors.New("host that looks like a number but is no plain IPv4 address")
	}
	return nil
}

// isOddInHost accepts ASCII letters, digits, hyphen and underscore, and the letters of other alphabets.
func isOddInHost(r rune) bool {
	if r <= unicode.MaxASCII {
		return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	}
	return !unicode.IsLetter(r)
}

func isNumber(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return !strings.ContainsFunc(hex, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) })
	}
	return !strings.ContainsFunc(label, func(r rune) bool { return r < '0' || r > '9' })
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}
