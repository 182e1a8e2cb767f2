package web

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"grenier/catalog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what Prometheus reads. The registry is ours: nothing that a library registers for itself gets in.
type metrics struct {
	registry  *prometheus.Registry
	handler   http.Handler
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	inFlight  prometheus.Gauge
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry:  prometheus.NewRegistry(),
		requests:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "grenier_http_requests_total", Help: "Answers by route, method and status."}, []string{"route", "method", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "grenier_http_request_duration_seconds", Help: "Time to answer, by route.", Buckets: []float64{.005, .01, .025, .05, .1, .15, .25, .5, 1, 2.5, 10, 60}}, []string{"route"}),
		inFlight:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "grenier_http_requests_in_flight", Help: "Requests being answered."}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "grenier_build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": s.Version, "go": runtime.Version()}})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.durations, m.inFlight, build, catalogueMetrics{s},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{DisableCompression: true})
	return m
}

// ofKept finds the metrics of a GET that is answered from memory.
func (m *metrics) ofKept(k *kept) *meters {
	if found := k.meters.Load(); found != nil {
		return found
	}
	found := &meters{
		whole: m.requests.WithLabelValues(k.route, http.MethodGet, "200"), unmodified: m.requests.WithLabelValues(k.route, http.MethodGet, "304"),
		duration: m.durations.WithLabelValues(k.route),
	}
	k.meters.Store(found)
	return found
}

// meters are those of the metrics that a kept answer moves.
type meters struct {
	whole, unmodified prometheus.Counter
	duration          prometheus.Observer
}

func (s *Server) metricsPage(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	s.metrics.handler.ServeHTTP(w, r)
	return nil
}

// catalogueMetrics reads the catalogue's numbers when they are asked for.
type catalogueMetrics struct{ server *Server }

var (
	membersDesc  = prometheus.NewDesc("grenier_members", "Members.", nil, nil)
	datasetsDesc = prometheus.NewDesc("grenier_datasets", "Published datasets.", nil, nil)
	rowsDesc     = prometheus.NewDesc("grenier_rows", "Rows online.", nil, nil)
	sourcesDesc  = prometheus.NewDesc("grenier_sources", "Enabled sources.", nil, nil)
	statusDesc   = prometheus.NewDesc("grenier_sources_by_last_run", "Sources by how their last run ended.", []string{"status"}, nil)
	lastRunDesc  = prometheus.NewDesc("grenier_last_run_timestamp_seconds", "End of the newest run.", nil, nil)
	heldDesc     = prometheus.NewDesc("grenier_catalogues_held", "Catalogues of members that wait for a person, because harvesters would lose something.", nil, nil)
	upDesc       = prometheus.NewDesc("grenier_catalogue_up", "1 when the catalogue answers.", nil, nil)
)

// Describe names the numbers.
func (c catalogueMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{membersDesc, datasetsDesc, rowsDesc, sourcesDesc, statusDesc, lastRunDesc, heldDesc, upDesc} {
		ch <- d
	}
}

// Collect reads them.
func (c catalogueMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	st, err := c.server.Store.Stats(ctx)
	if err != nil {
		c.server.Log.Error("metrics without catalogue", "error", err)
		gauge(upDesc, 0)
		return
	}
	gauge(upDesc, 1)
	gauge(membersDesc, float64(st.Members))
	gauge(datasetsDesc, float64(st.Datasets))
	gauge(rowsDesc, float64(st.Rows))
	gauge(sourcesDesc, float64(st.Sources))
	for _, status := range []catalog.Status{catalog.Running, catalog.Published, catalog.Unchanged, catalog.Held, catalog.Failed} {
		gauge(statusDesc, float64(st.ByStatus[status]), string(status))
	}
	if held, err := c.server.Store.HeldFeeds(ctx); err == nil {
		gauge(heldDesc, float64(len(held)))
	}
	if !st.LastRun.IsZero() {
		gauge(lastRunDesc, float64(st.LastRun.UnixNano())/float64(time.Second))
	}
}
