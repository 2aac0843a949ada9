// Sends a photograph with Go's own client; prints each answer on a line.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
)

func send(kind string, body []byte) {
	request, _ := http.NewRequest("POST", os.Getenv("TALLY")+"/api/score/image?top_k=1", bytes.NewReader(body))
	request.Header.Set("x-functions-key", os.Getenv("TALLY_KEY"))
	request.Header.Set("content-type", kind)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	text, _ := io.ReadAll(answer.Body)
	fmt.Println(string(text))
}

func main() {
	photo, _ := os.ReadFile(os.Getenv("IMAGE"))
	send("image/jpeg", photo)
	text, _ := json.Marshal(map[string]string{"image": base64.RawURLEncoding.EncodeToString(photo)})
	send("application/json", text)
	for _, named := range []bool{true, false} {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		var part io.Writer
		if named {
			part, _ = form.CreateFormFile("image", "photo.jpg")
		} else {
			part, _ = form.CreateFormField("image")
		}
		part.Write(photo)
		form.Close()
		send(form.FormDataContentType(), body.Bytes())
	}
}
