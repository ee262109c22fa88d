using System.Globalization;
using Microsoft.Playwright;

namespace Workbench.EndToEnd.Tests.Support;

/// <summary>A person's hand on the annotation page; counts what it does. One key, one click and one drag are one gesture each.</summary>
public sealed class Hand(IPage page)
{
    // The keystroke-level model: a key, a click with pointing, a drag from word to word.
    private const double KeySeconds = 0.28;
    private const double ClickSeconds = 1.3;
    private const double DragSeconds = 2.4;

    private int _caret;

    public int Keys { get; private set; }

    public int Clicks { get; private set; }

    public int Drags { get; private set; }

    public int Gestures => Keys + Clicks + Drags;

    /// <summary>Estimate of the keystroke-level model, without thinking.</summary>
    public double Seconds => (Keys * KeySeconds) + (Clicks * ClickSeconds) + (Drags * DragSeconds);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Gestures} gestures: {Drags} drags, {Keys} keys, {Clicks} clicks; estimate {Seconds:0.0} s");

    public async Task KeysAsync(params string[] keys)
    {
        foreach (var key in keys)
        {
            await page.Keyboard.PressAsync(key);
            Keys++;
        }
    }

    /// <summary>Waits until what the last key did is painted: a mark moves the lines below it, and people aim at what they see.</summary>
    private async Task SettleAsync() =>
        await page.EvaluateAsync("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))");

    /// <summary>Selects the first mention of some words with the mouse.</summary>
    public async Task DragAsync(string words)
    {
        await SettleAsync();
        var ends = await page.EvaluateAsync<double[]>("""
            words => {
              for (const line of document.querySelectorAll('.wb-line')) {
                const at = line.textContent.indexOf(words);
                if (at < 0) continue;
                const box = (from, to) => { const range = document.createRange(); range.setStart(line.firstChild, from); range.setEnd(line.firstChild, to); return range.getBoundingClientRect(); };
                const [first, last] = [box(at, at + 1), box(at + words.length - 1, at + words.length)];
                return [first.left + 1, first.top + first.height / 2, last.right - 1, last.top + last.height / 2];
              }
              throw new Error(words + ' stands on no line');
            }
            """, words);
        await DragAsync((float)ends[0], (float)ends[1], (float)ends[2], (float)ends[3]);
    }

    public async Task DragAsync(ILocator from, ILocator to)
    {
        var (start, end) = (await from.BoundingBoxAsync(), await to.BoundingBoxAsync());
        await DragAsync(start!.X + 6, start.Y + 8, end!.X + 6, end.Y + 8);
    }

    /// <summary>Selects a mention with arrow keys alone, from where the caret stands.</summary>
    public async Task SelectByKeysAsync(string text, string words, int mention)
    {
        var at = -1;
        for (var i = 0; i <= mention; i++)
            at = text.IndexOf(words, at + 1, StringComparison.Ordinal);
        for (; _caret < at; _caret++)
            await KeysAsync("ArrowRight");
        for (; _caret > at; _caret--)
            await KeysAsync("ArrowLeft");
        for (var i = 0; i < words.Length; i++)
            await KeysAsync("Shift+ArrowRight");
        _caret = at + words.Length;
    }

    private async Task DragAsync(float x1, float y1, float x2, float y2)
    {
        await page.Mouse.MoveAsync(x1, y1);
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync((x1 + x2) / 2, (y1 + y2) / 2, new() { Steps = 3 });
        await page.Mouse.MoveAsync(x2, y2, new() { Steps = 3 });
        await page.Mouse.UpAsync();
        await SettleAsync();
        Drags++;
    }
}
