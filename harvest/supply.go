package harvest

import (
	"context"
	"errors"
	"io"

	"grenier/schemas"
)

// supply reads the other tables to which a schema refers, by the names that the schema gives them. Tables to which nothing refers are
// left unread.
func supply(ctx context.Context, s *schemas.Schema, tables map[string]Input) (list []*schemas.Supplied, err error) {
	for _, name := range s.Resources() {
		in, ok := tables[name]
		if !ok {
			continue
		}
		x := s.Supply(name)
		if err := supplyFrom(ctx, x, in); err != nil {
			return nil, at(StageDecode, Permanent(err))
		}
		list = append(list, x)
	}
	return list, nil
}

func supplyFrom(ctx context.Context, x *schemas.Supplied, in Input) error {
	dec, err := Decode(in, DecodeOptions{})
	if err != nil {
		return Say("L’autre table « "+in.Name+" » ne peut pas être lue\u00a0: "+SentenceOf(err), err)
	}
	defer closeDecoder(dec)
	if lack := x.Begin(dec.Labels()); lack != "" {
		return Say(lack+" Vérifiez le fichier fourni\u00a0: "+in.Name+".", errors.New("referenced column absent"))
	}
	var block schemas.Block
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := dec.Next(&block)
		if block.Rows > 0 {
			x.Add(&block)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return Say("L’autre table « "+in.Name+" » n’a pas pu être lue jusqu’au bout.", err)
		}
	}
}
