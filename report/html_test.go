package report_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence"
	"credence/conformance/verdict"
	"credence/report"
)

// spoken is what a shim may say.
const spoken = `</script><script>document.title='owned'</script><img src=x onerror="document.title='owned'">" onmouseover="x" ' {{.}} ${x} ` + "\x1b]0;owned\x07\u202e"

// many returns a report with n results, and hostile texts wherever a target can put them.
func many(n int) *verdict.Report {
	r := &verdict.Report{
		Suite: "credence", Version: "1", Target: verdict.TargetInfo{Name: spoken, Version: spoken, Language: spoken},
	}
	statuses := []verdict.Status{verdict.Passed, verdict.Failed, verdict.Errored, verdict.Skipped}
	reasons := []verdict.Reason{"", verdict.Mismatch, verdict.Crash, verdict.Unsupported}
	for i := range n {
		t := verdict.TestResult{
			ID: fmt.Sprintf("ratchet/test-%d", i), Profile: "ratchet", Requirements: []string{"AMB-RAT-01"},
			Status: statuses[i%4], Reason: reasons[i%4], Message: spoken,
		}
		if i%4 == 1 || i%4 == 2 {
			t.Sent, t.Expected, t.Got, t.Repeat = spoken, spoken, spoken, "credence run "+spoken
		}
		r.Results = append(r.Results, t)
		switch t.Status {
		case verdict.Passed:
			r.Summary.Passed++
		case verdict.Failed:
			r.Summary.Failed++
		case verdict.Errored:
			r.Summary.Errored++
		default:
			r.Summary.Skipped++
		}
	}
	return r
}

func html(t *testing.T, r *verdict.Report) string {
	var b bytes.Buffer
	require.NoError(t, report.HTML(&b, r, report.Options{Requirements: credence.Requirements()}))
	return b.String()
}

// The page has its own script and nothing else that runs, and asks nobody for anything.
func TestHTML(t *testing.T) {
	page := html(t, many(40))
	require.Equal(t, 1, strings.Count(page, "<script"))
	require.NotContains(t, page, "<img")
	require.NotContains(t, page, "\u202e")
	require.NotContains(t, page, "\x1b")
	require.NotRegexp(t, `(src|href)="?https?:`, page)
	require.NotRegexp(t, `<[a-z]+[^>]* on[a-z]+=`, page)
	require.Contains(t, page, "default-src &#39;none&#39;")
	require.Contains(t, page, "DOES NOT CONFORM")
	require.Contains(t, page, "Failures (20)")
	r := many(8)
	r.Judge(&verdict.KnownFailures{
		Known: []verdict.KnownFailure{{Test: "ratchet/test-1", Reason: "why", Link: "where"}},
	}, verdict.DefaultFailOn, []verdict.TestInfo{{ID: "ratchet/test-1"}})
	page = html(t, r)
	require.Contains(t, page, "Gate failed")
	require.Contains(t, page, "Known: why (where)")
	require.Contains(t, html(t, &verdict.Report{}), "Nothing failed.")
}

// In a browser the filters work on five thousand results, and nothing that a shim said runs.
func TestBrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed (make test-browser installs it)")
	}
	dom := func(page string) string {
		file := filepath.Join(t.TempDir(), "report.html")
		require.NoError(t, os.WriteFile(file, []byte(page), 0o600))
		c := exec.Command(
			chromium, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(),
			"--virtual-time-budget=5000", "--dump-dom", "file://"+file,
		)
		out, err := c.Output()
		require.NoError(t, err)
		return string(out)
	}
	page := html(t, many(5000))
	title := regexp.MustCompile(`<title>(.*)</title>`)
	require.Contains(t, title.FindStringSubmatch(dom(page))[1], "DOES NOT CONFORM")

	// A script that is not the page's own does not run.
	foreign := strings.Replace(page, "</body>", "<script>document.title='owned'</script></body>", 1)
	require.NotEqual(t, "owned", title.FindStringSubmatch(dom(foreign))[1])

	// Without the policy, a script clicks the filters.
	click := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`).ReplaceAllString(page, "")
	click = strings.Replace(click, "</body>", `<script>
const started = performance.now();
document.querySelector('input[value=passed]').click();
document.querySelector('input[value=skipped]').click();
document.querySelector('input[name=text]').value = 'TEST-42';
document.querySelector('input[name=text]').dispatchEvent(new Event('input', {bubbles: true}));
document.title = document.getElementById('shown').textContent + '; visible ' + [...document.querySelectorAll('#all tbody tr')].filter(r => !r.hidden).length;
</script></body>`, 1)
	want := 0
	for i := range 5000 {
		if (i%4 == 1 || i%4 == 2) && strings.Contains(fmt.Sprintf("test-%d", i), "test-42") {
			want++
		}
	}
	require.Equal(t, fmt.Sprintf("%d of 5000 results; visible %d", want, want), title.FindStringSubmatch(dom(click))[1])
}
