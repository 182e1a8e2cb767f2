package main

import (
	"net/netip"
	"slices"
	"testing"
)

func TestOwnAddresses_CoverThePortalAndItsPartners(t *testing.T) {
	p := &program{config: Config{
		Addr: ":8080", AdminAddr: "127.0.0.1:9090", Index: "meilisearch:http://10.1.2.3:7700?key=env:X", Blobs: "s3://seau?endpoint=10.1.2.4:9000&insecure=true",
	}}
	own := p.ownAddresses(t.Context(), "postgres://grenier:mot@10.1.2.5/grenier")
	for _, want := range []string{"127.0.0.1:8080", "[::1]:8080", "127.0.0.1:9090", "10.1.2.3:7700", "10.1.2.4:9000", "10.1.2.5:5432"} {
		if !slices.Contains(own, netip.MustParseAddrPort(want)) {
			t.Errorf("%s is not refused: %v", want, own)
		}
	}
}
