package harvest
import ("testing";"os";"path/filepath";"fmt";"time";"syscall";"crypto/sha256";"io";"encoding/csv";"grenier/schemas")
func cpu() time.Duration { var u syscall.Rusage; syscall.Getrusage(0,&u); return time.Duration(u.Utime.Nano()+u.Stime.Nano()) }
func TestAdhocTruth(t *testing.T){
 files,_:=filepath.Glob("/tmp/w/wl/f_*.csv")
 for _,f:=range files{
  st,_:=os.Stat(f); n:=st.Size()
  for range 3 { s:=cpu(); h:=sha256.New(); fl,_:=os.Open(f); io.Copy(h,fl); d1:=cpu()-s; s=cpu(); dec,_:=Decode(Input{Name:f,Size:n,ReaderAt:fl},DecodeOptions{}); var bl schemas.Block; nf:=0; for dec.Next(&bl)==nil{nf+=len(bl.Faults)}; d2:=cpu()-s; 
  fl.Seek(0,0); s=cpu(); r:=csv.NewReader(fl); r.ReuseRecord=true; r.LazyQuotes=true; r.FieldsPerRecord=-1; for { if _,e:=r.Read();e==io.EOF{break}}; d3:=cpu()-s
  fmt.Println(f, nf, "sha",d1,"decode",d2, float64(n)/d2.Seconds()/1e6,"MB/s  encoding/csv", float64(n)/d3.Seconds()/1e6) }
 }
}
