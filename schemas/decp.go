package schemas

import (
	"bytes"
	"strings"
)

// ContractsName names the schema of the essential data of public procurement (DECP), whose versions have two layouts.
const ContractsName = "139bercy/format-commande-publique"

// DECPVersion tells from the beginning of a document of contracts (64 KiB are enough) which version of its schema it is written for: by the
// layout and by what the first contracts hold, never by a name. head is JSON or XML in UTF-8 and may end anywhere; a list around the document is
// seen through. ok is false for what is no such document.
func DECPVersion(head []byte) (version string, ok bool) {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	if len(head) > 0 && head[0] == '<' {
		return xmlVersion(head)
	}
	t := &headTape{b: head}
	if t.peek() == '[' {
		t.i++
	}
	if t.peek() != '{' || !t.find("marches") {
		return "", false
	}
	switch t.peek() {
	case '[':
		t.i++
		if t.peek() == '{' && t.flatOf2022() {
			return "2.0.0", true
		}
		if oldProcedure(head) {
			return "1.4.0", true
		}
		return "1.5.0", true
	case '{':
		if !t.nested() {
			return "", false
		}
		if t.firstHas("_type") {
			return "2.0.2", true
		}
		return "2.0.3", true
	}
	return "", false
}

// oldProcedure tells the procedures that only 1.4.0 knows.
func oldProcedure(head []byte) bool {
	for _, name := range []string{"Procédure concurrentielle avec négociation", "Procédure négociée avec mise en concurrence préalable", "Marché négocié sans publicité ni mise en concurrence préalable"} {
		if bytes.Contains(head, []byte(`"`+name+`"`)) || bytes.Contains(head, []byte(">"+name+"<")) {
			return true
		}
	}
	return false
}

// A headTape steps through the beginning of a JSON document.
type headTape struct {
	b []byte
	i int
}

func (t *headTape) peek() byte {
	p := jsonParser{b: t.b, i: t.i}
	c := p.peek()
	t.i = p.i
	return c
}

// find goes to the value of a member of the object ahead; false when it has none, or the head ends before.
func (t *headTape) find(name string) bool {
	return t.each(func(member string) bool { return member == name })
}

// each goes over the members of the object ahead and stops at the value of the first that stop is true for.
func (t *headTape) each(stop func(name string) bool) bool {
	t.i++
	for t.peek() == '"' {
		p := jsonParser{b: t.b, i: t.i}
		name, err := p.string()
		if err != nil || p.peek() != ':' {
			return false
		}
		t.i = p.i + 1
		if t.peek(); stop(name) {
			return true
		}
		p.i = t.i
		if _, err := p.value(0); err != nil || p.peek() != ',' {
			return false
		}
		t.i = p.i + 1
	}
	return false
}

// nested tells whether the object ahead holds one of the two lists of 2022, and goes to the list.
func (t *headTape) nested() bool {
	start := t.i
	if t.each(func(name string) bool { return name == "marche" || name == "contrat-concession" }) {
		return true
	}
	t.i = start + 1
	return t.peek() == '}'
}

// firstHas tells whether the first record of the list ahead has a member.
func (t *headTape) firstHas(name string) bool {
	if t.peek() != '[' {
		return false
	}
	t.i++
	return t.peek() == '{' && t.find(name)
}

// flatOf2022 tells whether the first record of a flat list has what only contracts of 2022 have.
func (t *headTape) flatOf2022() bool {
	start := t.i
	defer func() { t.i = start }()
	return t.each(func(name string) bool { return since2022[name] })
}

var since2022 = map[string]bool{"techniques": true, "modalitesExecution": true, "marcheInnovant": true, "ccag": true, "offresRecues": true, "attributionAvance": true,
	"typeGroupementOperateurs": true, "sousTraitanceDeclaree": true, "typesPrix": true, "considerationsSociales": true, "considerationsEnvironnementales": true}

// xmlVersion tells the version of an XML document, whose root is the same in both layouts.
func xmlVersion(head []byte) (string, bool) {
	root := head
	for bytes.HasPrefix(root, []byte("<?")) || bytes.HasPrefix(root, []byte("<!--")) {
		end := "?>"
		if root[1] == '!' {
			end = "-->"
		}
		_, rest, found := bytes.Cut(root, []byte(end))
		if !found {
			return "", false
		}
		root = bytes.TrimLeft(rest, " \t\r\n")
	}
	name, isRoot := bytes.CutPrefix(root, []byte("<marches"))
	if !isRoot || len(name) == 0 || !strings.ContainsRune(" \t\r\n>/", rune(name[0])) {
		return "", false
	}
	for tag := range since2022 {
		if bytes.Contains(root, []byte("<"+tag+">")) {
			return "2.0.3", true
		}
	}
	for _, tag := range []string{"<nom>", "<denominationSociale>", "<modifications/>", "<uid>"} { // 2022 knows none of them
		if bytes.Contains(root, []byte(tag)) {
			if oldProcedure(root) {
				return "1.4.0", true
			}
			return "1.5.0", true
		}
	}
	return "2.0.3", true
}

// contractKeys are the names of a contract's members that the national schema leaves to us to look into (VALIDATION.md section 9).
type contractKeys struct {
	id, kind      int32
	buyers        []namedKey // acheteur, autoriteConcedante
	holders       []namedKey // titulaires, concessionnaires
	wrappers      []int32    // titulaire, concessionnaire, modification…: what the format of 2022 wraps items in
	changes       []namedKey // lists that hold dates and holders of their own
	dates         []namedKey // of the contract itself
	changeDates   []namedKey // of an item of changes
	notified      int32
	published     int32
	changeNotices [][2]int32 // notification and publication of an item of changes
}

// A namedKey is a member's name and its number.
type namedKey struct {
	name string
	key  int32
}

// contractKeysOf returns nil for a schema of something else.
func contractKeysOf(s *Schema, keys *keyNames) *contractKeys {
	if s.ID.Name() != ContractsName {
		return nil
	}
	named := func(names ...string) (out []namedKey) {
		for _, n := range names {
			out = append(out, namedKey{n, keys.number(n)})
		}
		return out
	}
	k := &contractKeys{id: keys.number("id"), kind: keys.number("typeIdentifiant"), notified: keys.number("dateNotification"), published: keys.number("datePublicationDonnees")}
	k.buyers = named("acheteur", "autoriteConcedante")
	k.holders = named("titulaires", "concessionnaires")
	for _, n := range []string{"titulaire", "concessionnaire", "modification", "acteSousTraitance", "modificationActeSousTraitance", "donneesAnnuelles"} {
		k.wrappers = append(k.wrappers, keys.number(n))
	}
	k.changes = named("modifications", "actesSousTraitance", "modificationsActesSousTraitance", "donneesExecution")
	for _, d := range named("dateNotification", "dateSignature", "dateDebutExecution", "datePublicationDonnees") {
		if f := s.Field(d.name); f < 0 || s.Fields[f].Type != Date { // else the column says it
			k.dates = append(k.dates, d)
		}
	}
	k.changeDates = named("dateNotificationModification", "dateSignatureModification", "datePublicationDonneesModification", "dateNotification", "datePublicationDonnees",
		"dateNotificationModificationSousTraitance", "datePublicationDonneesExecution")
	for _, pair := range [][2]string{{"dateNotificationModification", "datePublicationDonneesModification"}, {"dateNotification", "datePublicationDonnees"}} {
		k.changeNotices = append(k.changeNotices, [2]int32{keys.number(pair[0]), keys.number(pair[1])})
	}
	return k
}

// noticesMax is how many warnings of one kind are detailed; the others are counted.
const noticesMax = 100

// notices counts a warning of a kind, and tells whether it is to be detailed.
func (c *Checker) notices(kind string) bool {
	if c.doc.warned == nil {
		c.doc.warned = map[string]int64{}
	}
	c.doc.warned[kind]++
	return c.doc.warned[kind] <= noticesMax
}

// notice keeps a warning about the record at hand until the report is at hand.
func (c *Checker) notice(row, line int64, i Issue) {
	i.Row, i.Line = row, line
	c.doc.notices = append(c.doc.notices, i)
}

// tellNotices hands the warnings kept to the report.
func (c *Checker) tellNotices(rep *Report) {
	for _, i := range c.doc.notices {
		rep.Warn(i)
	}
	c.doc.notices = c.doc.notices[:0]
}

// sayHowOften adds up the warnings that were not detailed.
func (c *Checker) sayHowOften(rep *Report, warned map[string]int64) {
	for _, kind := range []string{"decp-date", "decp-siret", "decp-date-order", "decp-duplicate"} {
		if more := warned[kind] - noticesMax; more > 0 {
			rep.Warn(Issue{Type: kind, Message: c.say("%s autres avertissements de cette sorte ne sont pas détaillés.", c.number(more))})
			rep.Stats.Warnings += more - 1
		}
	}
}

// contract looks into a contract that its schema accepts: real dates, SIRET that can exist, publication after notification, and a number
// given once by its buyer. All of these are warnings: the national verdict stays what it is.
func (c *Checker) contract(row, line int64) {
	k, t := c.plan.document.decp, &c.tape
	c.contractBuyer(row, line)
	c.holders(row, line, 0, "")
	for _, d := range k.dates {
		c.realDate(row, line, t.member(0, d.key), d.name)
	}
	c.dateOrder(row, line, 0, k.notified, k.published, "datePublicationDonnees")
	for _, list := range k.changes {
		c.listItems(0, list.key, func(item int32) {
			for _, d := range k.changeDates {
				c.realDate(row, line, t.member(item, d.key), list.name+"[]."+d.name)
			}
			for _, pair := range k.changeNotices {
				c.dateOrder(row, line, item, pair[0], pair[1], list.name)
			}
			c.holders(row, line, item, list.name+"[].")
		})
	}
}

// listItems calls fn for each item of a list, without the wrapper that the format of 2022 gives it.
func (c *Checker) listItems(parent, key int32, fn func(item int32)) {
	t := &c.tape
	list := t.member(parent, key)
	if list < 0 || t.nodes[list].kind != '[' {
		return
	}
	for i, end := list+1, t.nodes[list].next; i < end; i = t.nodes[i].next {
		item := i
		if t.nodes[i].kind == '{' && t.nodes[i].count == 1 {
			for _, w := range c.plan.document.decp.wrappers {
				if t.nodes[i+1].key == w {
					item = i + 2
				}
			}
		}
		fn(item)
	}
}

// contractBuyer looks at the buyer's SIRET and at the number it gave to the contract.
func (c *Checker) contractBuyer(row, line int64) {
	k, t := c.plan.document.decp, &c.tape
	number := t.member(0, k.id)
	for _, b := range k.buyers {
		buyer := t.member(0, b.key)
		if buyer < 0 {
			continue
		}
		id := t.member(buyer, k.id)
		if id < 0 || t.nodes[id].kind != '"' {
			continue
		}
		c.realSIRET(row, line, t.text(id), b.name+".id")
		if number < 0 || t.nodes[number].kind != '"' {
			continue
		}
		if c.doc.keys == nil {
			c.doc.keys = newKeyTable()
		}
		c.doc.key = append(append(append(c.doc.key[:0], t.text(id)...), 0), t.text(number)...)
		if earlier, seen := c.doc.keys.add(c.doc.key, row); seen && c.notices("decp-duplicate") {
			c.notice(row, line, Issue{Type: "decp-duplicate", Field: "id", Cell: cut(t.text(number), MaxCell),
				Message: c.say("Le contrat %s de l’acheteur %s a déjà été donné, à l’enregistrement %s.", c.quote(string(t.text(number))), string(t.text(id)), c.number(earlier)),
				Hint:    c.say("Chez un même acheteur, chaque contrat a son propre numéro : retirez le doublon ou corrigez le numéro.")})
		}
	}
}

// holders looks at the SIRET of those who got the contract.
func (c *Checker) holders(row, line int64, parent int32, prefix string) {
	k, t := c.plan.document.decp, &c.tape
	for _, h := range k.holders {
		c.listItems(parent, h.key, func(item int32) {
			kind, id := t.member(item, k.kind), t.member(item, k.id)
			if kind >= 0 && id >= 0 && t.nodes[id].kind == '"' && string(t.text(kind)) == "SIRET" {
				c.realSIRET(row, line, t.text(id), prefix+h.name+"[].id")
			}
		})
	}
}

func (c *Checker) realSIRET(row, line int64, id []byte, field string) {
	if checkSIRET(id) == idGood || !c.notices("decp-siret") {
		return
	}
	c.notice(row, line, Issue{Type: "decp-siret", Field: field, Cell: cut(id, MaxCell), Message: c.say("%s ne peut pas être un numéro SIRET.", c.quote(cut(id, MaxCell))),
		Hint: c.say("Un SIRET a 14 chiffres, dont le dernier contrôle les autres : recopiez-le depuis l’avis de situation de l’entreprise.")})
}

// realDate warns of what the schema's loose expression lets pass: 2024-13-45.
func (c *Checker) realDate(row, line int64, n int32, field string) {
	if n < 0 || c.tape.nodes[n].kind != '"' {
		return
	}
	text := c.tape.text(n)
	if _, ok := contractDay(text); ok || !c.notices("decp-date") {
		return
	}
	c.notice(row, line, Issue{Type: "decp-date", Field: field, Cell: cut(text, MaxCell), Message: c.say("%s n’est pas une date du calendrier.", c.quote(cut(text, MaxCell))),
		Hint: c.say("Écrivez l’année, le mois et le jour, par exemple 2024-05-17.")})
}

// contractDay reads a date that may be followed by a time zone, as the format of 2019 allows.
func contractDay(b []byte) (int64, bool) {
	if len(b) < 10 || len(b) > 10 && b[10] != '+' && b[10] != '-' && b[10] != 'Z' {
		return 0, false
	}
	return parseDate(b[:10])
}

// dateOrder warns of a publication before the notification.
func (c *Checker) dateOrder(row, line int64, parent, notified, published int32, field string) {
	t := &c.tape
	a, b := t.member(parent, notified), t.member(parent, published)
	if a < 0 || b < 0 || t.nodes[a].kind != '"' || t.nodes[b].kind != '"' {
		return
	}
	from, ok1 := contractDay(t.text(a))
	to, ok2 := contractDay(t.text(b))
	if ok1 && ok2 && from > to && c.notices("decp-date-order") {
		c.notice(row, line, Issue{Type: "decp-date-order", Field: field, Cell: cut(t.text(b), MaxCell),
			Message: c.say("La publication (%s) est antérieure à la notification (%s).", string(t.text(b)), string(t.text(a))), Hint: c.say("Vérifiez les deux dates.")})
	}
}
