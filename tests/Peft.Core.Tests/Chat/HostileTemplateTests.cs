using System.Diagnostics;
using System.Text.Json.Nodes;
using Peft.Core.Chat;

namespace Peft.Core.Tests.Chat;

/// <summary>Templates come with models from anywhere: whatever one does, it ends soon and says why.</summary>
public sealed class HostileTemplateTests
{
    public static TheoryData<string> Templates => new()
    {
        "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro a(n) %}{{ a(n + 1) ~ a(n + 1) }}{% endmacro %}{{ a(0) }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{{ 'a' * 999999999 }}",
        "{{ 'a' * 9999999999999 }}",
        "{{ [0] * 999999999 }}",
        "{{ 2 ** 99999999 }}",
        "{{ range(99999999) | list }}",
        "{% for a in range(99999) %}{{ 'x' * 5000 }}{% endfor %}",
        "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(60) %}{% set ns.s = ns.s.replace('x', 'xx') %}{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l == ns.l | list }}{{ ns.l | tojson }}",
        "{{ ('x' * 1000000).replace('', 'x' * 1000000) }}",
        "{{ ['x' * 1000000] | join('') | center(999999999) }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '{:999999999}'.format(1) }}",
        "{{ 'a\n' * 100000 | indent(999999) }}",
        "{{ 'x' | indent(99999999) }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__class__.__init__.__globals__['os'].system('id') }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ [].append(1) }}",
        "{{ messages[0].update({'a': 1}) }}",
        "{{ constructor.constructor('return 1')() }}",
        "{{ " + new string('(', 100_000),
        "{{ " + new string('(', 20_000) + "1" + new string(')', 20_000) + " }}",
        string.Concat(Enumerable.Repeat("{% if 1 %}", 50_000)),
        "{{ " + string.Concat(Enumerable.Repeat("not ", 100_000)) + "1 }}",
        "{{ " + string.Concat(Enumerable.Repeat("-", 100_000)) + "1 | frob }}",
    };

    [Theory]
    [MemberData(nameof(Templates))]
    public void Render_HostileTemplate_EndsSoonAndSaysWhy(string template)
    {
        var watch = Stopwatch.StartNew();
        var messages = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "a" });

        // Some print nothing, as a missing attribute does; none may do anything or go on.
        var error = Record.Exception(() => ChatTemplate.Parse(template).Render(messages));

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(2), $"{watch.Elapsed.TotalSeconds:0.00} s");
        if (error is not null)
        {
            Assert.IsType<PeftException>(error);
            Assert.NotEmpty(error.Message);
        }
        else
        {
            Assert.Contains("__", template, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Render_EndlessLoop_NamesTheLimit()
    {
        var template = ChatTemplate.Parse("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}");

        Assert.Contains("stopped after", Assert.Throws<PeftException>(() => template.Render([])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Strftime_ReadsTheClockThatItIsGiven()
    {
        var template = ChatTemplate.Parse("{{ strftime_now('%d %b %Y %-d') }}", new Fixed());

        Assert.Equal("05 Jan 2025 5", template.Render([]).Text);
    }

    [Fact]
    public void Of_SeveralTemplates_PicksByToolsOrName()
    {
        var config = JsonNode.Parse("""{"chat_template":[{"name":"default","template":"D"},{"name":"tool_use","template":"T"},{"name":"rag","template":"R"}]}""")!.AsObject();

        Assert.Equal("D", ChatTemplates.Of(config)!.Render([]).Text);
        Assert.Equal("T", ChatTemplates.Of(config, hasTools: true)!.Render([]).Text);
        Assert.Equal("R", ChatTemplates.Of(config, "rag")!.Render([]).Text);
        Assert.Contains("rag", Assert.Throws<PeftException>(() => ChatTemplates.Of(config, "none")).Message, StringComparison.Ordinal);
    }

    private sealed class Fixed : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2025, 1, 5, 12, 0, 0, TimeSpan.Zero);
    }
}
