namespace Workbench.Client.Services;

/// <summary>What somebody typed and has not saved yet: it outlives a look at another page and a switch of the language.</summary>
public sealed class Drafts
{
    private readonly Dictionary<string, object> _kept = [];

    public T Get<T>(string place, Func<T> make)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(make);
        if (_kept.TryGetValue(place, out var known) && known is T draft)
            return draft;
        var made = make();
        _kept[place] = made;
        return made;
    }

    public void Put(string place, object draft) => _kept[place] = draft;

    public void Drop(string place) => _kept.Remove(place);
}
