package web

import "testing"

func TestCalendar_SaysWhichVersionWasOnlineWhen(t *testing.T) {
	w := newWorld()
	d := w.issues(t, keyed, january, winter, march)
	w.forget(d.ID, 2)
	rec := get(newServer(t, config(t, w)).Handler(), "/api/1/jeux/"+d.ID.String()+"/calendrier")
	want(t, rec, 200)
	golden(t, "calendar.json", rec.Body.String())
}
